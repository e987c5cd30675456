# SPDX-License-Identifier: BSD-3-Clause
"""A data set as a model of COLMAP, text or binary, with its images beside it: images/ and sparse/0/.

Poses and intrinsics are written to the last digit; there are no points. rigs and frames, which COLMAP has since 3.12,
it makes by itself of models without them.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import read_image_file
from camera_relocalization_ros.core.output_files import write_bytes, write_text
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.layouts.colmap import PARAMETER_COUNTS
from camera_relocalization_ros.data.layouts.folders import named_frames, new_export


class _Camera(NamedTuple):
    model: str
    width: int
    height: int
    parameters: list[float]


class _Image(NamedTuple):
    number: int
    name: str
    # of the scene in the camera: w, x, y, z and x, y, z
    values: tuple[float, ...]
    camera_id: int


def export_colmap(dataset: Dataset, output: Path, binary: bool = False) -> list[Path]:
    """Write the images and the model, and return the folder of the model.

    binary: cameras.bin and images.bin instead of texts. Images lie in a folder for each sequence, and keep their bytes.
    Raises DatasetError when `output` exists, or the intrinsics are not known or none that COLMAP has.
    """
    ids: dict[CameraIntrinsics, int] = {}
    for frame in dataset.frames:
        ids.setdefault(dataset.known_camera_of(frame), len(ids) + 1)
    cameras = {camera_id: _camera(dataset, camera) for camera, camera_id in ids.items()}
    images = list(_images(dataset, ids))
    with new_export(output) as root:
        _copy_images(dataset, root, images)
        model = root / "sparse" / "0"
        model.mkdir(parents=True)
        (_write_binary if binary else _write_text)(model, cameras, images)
    return [output / "sparse" / "0"]


def _camera(dataset: Dataset, camera: CameraIntrinsics) -> _Camera:
    try:
        model, parameters = colmap_lens(camera)
    except ValueError as error:
        raise DatasetError(f"{dataset.path}: {error}") from error
    return _Camera(model, camera.width, camera.height, parameters)


def colmap_lens(camera: CameraIntrinsics) -> tuple[str, list[float]]:
    """COLMAP's name of a camera's model, and its parameters; raises ValueError for one that COLMAP has not.

    Pixel centres lie at halves there.
    """
    lens = [camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5]
    coefficients = [*camera.distortion, *(0.0,) * (8 - len(camera.distortion))]
    if any(coefficients[8:]):
        raise ValueError(f"distortion {camera.distortion}; COLMAP has k1 to k6, p1 and p2 alone")
    model = "OPENCV_FISHEYE" if camera.is_fisheye else "FULL_OPENCV" if any(coefficients[4:]) else "OPENCV"
    return model, [*lens, *coefficients][: PARAMETER_COUNTS[model]]


def _images(dataset: Dataset, ids: dict[CameraIntrinsics, int]) -> Iterator[_Image]:
    poses = iter(dataset.poses.inverse)
    for number, (name, frame) in enumerate(named_frames(dataset), start=1):
        T_camera_scene = next(poses)
        x, y, z, w = T_camera_scene.quat_xyzw.tolist()
        values = (w, x, y, z, *T_camera_scene.position.tolist())
        yield _Image(number, name, values, ids[dataset.known_camera_of(frame)])


def _copy_images(dataset: Dataset, root: Path, images: Iterable[_Image]) -> None:
    for frame, image in zip(dataset.frames, images):
        path = root / "images" / image.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read_image_file(frame.image_path))


def _write_text(model: Path, cameras: dict[int, _Camera], images: list[_Image]) -> None:
    lenses = (
        f"{camera_id} {camera.model} {camera.width} {camera.height} {' '.join(map(repr, camera.parameters))}\n"
        for camera_id, camera in cameras.items()
    )
    write_text(model / "cameras.txt", "# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n" + "".join(lenses), DatasetError)
    # the empty line after each is that of its points
    rows = (f"{i.number} {' '.join(map(repr, i.values))} {i.camera_id} {i.name}\n\n" for i in images)
    header = "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n# POINTS2D[] as (X, Y, POINT3D_ID)\n"
    write_text(model / "images.txt", header + "".join(rows), DatasetError)
    write_text(model / "points3D.txt", "# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[]\n", DatasetError)


def _write_binary(model: Path, cameras: dict[int, _Camera], images: list[_Image]) -> None:
    numbers = list(PARAMETER_COUNTS)
    lenses = (
        struct.pack("<iiQQ", camera_id, numbers.index(camera.model), camera.width, camera.height)
        + struct.pack(f"<{len(camera.parameters)}d", *camera.parameters)
        for camera_id, camera in cameras.items()
    )
    write_bytes(model / "cameras.bin", struct.pack("<Q", len(cameras)) + b"".join(lenses), DatasetError)
    rows = (
        struct.pack("<i7di", i.number, *i.values, i.camera_id) + i.name.encode() + b"\0" + struct.pack("<Q", 0)
        for i in images
    )
    write_bytes(model / "images.bin", struct.pack("<Q", len(images)) + b"".join(rows), DatasetError)
    write_bytes(model / "points3D.bin", struct.pack("<Q", 0), DatasetError)

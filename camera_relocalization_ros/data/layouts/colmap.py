# SPDX-License-Identifier: BSD-3-Clause
"""Models of COLMAP, text and binary: cameras.txt and images.txt, or .bin (colmap.github.io/format.html).

COLMAP's own Python package would read them, but it is 120 MB large and changed its names with almost every release.
COLMAP knows no scale: positions are metres only if the model was aligned to something measured.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO, Iterable, Iterator, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from camera_relocalization_ros.core.camera import EQUIDISTANT, PLUMB_BOB, CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.core.image_files import path_inside, read_list
from camera_relocalization_ros.core.plain_values import READ_FAULTS, read_text
from camera_relocalization_ros.data.dataset import METRIC, PHOTOGRAPHS, Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.layouts.folders import folder_sequence
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.picture_sizes import fitted_cameras, scaled_from
from camera_relocalization_ros.data.layouts.pose_numbers import pose_or_nan, read_number
from camera_relocalization_ros.data.layouts.stampless import add_image_file, refuse_without_pictures, synthetic_stamp_ns

PARENT_FRAME, CHILD_FRAME = "scene", "camera_optical_frame"
# by name, where fx, fy, cx, cy and the coefficients in OpenCV's order lie among the parameters
PINHOLES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "SIMPLE_PINHOLE": ((0, 0, 1, 2), ()),
    "PINHOLE": ((0, 1, 2, 3), ()),
    "SIMPLE_RADIAL": ((0, 0, 1, 2), (3,)),
    "RADIAL": ((0, 0, 1, 2), (3, 4)),
    "OPENCV": ((0, 1, 2, 3), (4, 5, 6, 7)),
    "FULL_OPENCV": ((0, 1, 2, 3), (4, 5, 6, 7, 8, 9, 10, 11)),
}
FISHEYES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "OPENCV_FISHEYE": ((0, 1, 2, 3), (4, 5, 6, 7)),
    "SIMPLE_RADIAL_FISHEYE": ((0, 0, 1, 2), (3,)),
    "RADIAL_FISHEYE": ((0, 0, 1, 2), (3, 4)),
    "SIMPLE_FISHEYE": ((0, 0, 1, 2), ()),
    "FISHEYE": ((0, 1, 2, 3), ()),
}
# in binary files a model's place here is its number; how many parameters each has
PARAMETER_COUNTS = {
    "SIMPLE_PINHOLE": 3,
    "PINHOLE": 4,
    "SIMPLE_RADIAL": 4,
    "RADIAL": 5,
    "OPENCV": 8,
    "OPENCV_FISHEYE": 8,
    "FULL_OPENCV": 12,
    "FOV": 5,
    "SIMPLE_RADIAL_FISHEYE": 4,
    "RADIAL_FISHEYE": 5,
    "THIN_PRISM_FISHEYE": 12,
    "RAD_TAN_THIN_PRISM_FISHEYE": 16,
    "SIMPLE_DIVISION": 4,
    "DIVISION": 5,
    "SIMPLE_FISHEYE": 3,
    "FISHEYE": 4,
    "EUCM": 6,
    "EQUIRECTANGULAR": 2,
}
MAX_NAME = 4096
READ_ERRORS = (*READ_FAULTS, struct.error)


class _Camera(NamedTuple):
    """As the model has it; what no image uses may be of any kind."""

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]


class _Image(NamedTuple):
    name: str
    camera_id: int
    T_scene_camera: np.ndarray


# with the file and the intrinsics
_Picture = Tuple[_Image, Path, Optional[CameraIntrinsics]]


def import_colmap(
    source: Path,
    output: Path,
    images: Path | None = None,
    info: dict[str, Any] | None = None,
    frames: tuple[str, str] | None = None,
    stamps_ns: Mapping[str, int] | None = None,
) -> Dataset:
    """Write the data set `output` of a sequence for each folder, images in the natural order of their names; return it.

    source: folder of the model. `images`: folder of the images; None looks for a folder images in the model's or up to
    two folders above it. Each image keeps its camera. info: what the sequences' `info` says besides; frames: other
    names of parent and child; stamps_ns: of all images, by name, where they were taken out of a stream. Raises
    DatasetError, also for lenses that are not OpenCV's.
    """
    try:
        cameras, listed = _read_model(source)
    except READ_ERRORS as error:
        raise DatasetError(f"{source}: not a whole model of COLMAP ({type(error).__name__}: {error})") from error
    if not listed:
        raise DatasetError(f"{source}: the model holds no image")
    unknown = sorted({image.camera_id for image in listed} - set(cameras))
    if unknown:
        raise DatasetError(f"{source}: its images name camera {unknown[0]}; the model has {sorted(cameras)}")
    used = {number: _intrinsics(cameras[number], source) for number in {image.camera_id for image in listed}}
    folder = images or _find_images(source)
    listed.sort(key=lambda image: natural_key(image.name))
    paths = [path_inside(folder, image.name, source) for image in listed]
    refuse_without_pictures(paths)
    given = [used[image.camera_id] for image in listed]
    fitted = fitted_cameras(source, paths, given)
    said = {
        "source": f"colmap {source.name}",
        PHOTOGRAPHS: not stamps_ns,
        METRIC: False,
        **scaled_from(given, fitted),
        **(info or {}),
    }
    parent, child = frames or (PARENT_FRAME, CHILD_FRAME)
    with DatasetWriter(output, parent, child, [camera for camera in fitted if camera]) as writer:
        for index, (name, members) in enumerate(_by_folder(zip(listed, paths, fitted)).items()):
            with writer.sequence(name, said) as sequence:
                for number, (image, path, camera) in enumerate(members):
                    stamp_ns = stamps_ns[image.name] if stamps_ns else synthetic_stamp_ns(index, number)
                    add_image_file(sequence, stamp_ns, image.T_scene_camera, path, number, camera)
    return Dataset.load(output)


def _by_folder(images: Iterable[_Picture]) -> dict[str, list[_Picture]]:
    """The images of each folder that their names tell, by the name of its sequence: recordings are kept apart so."""
    folders: dict[str, list[_Picture]] = {}
    for picture in images:
        folders.setdefault(folder_sequence(picture[0].name), []).append(picture)
    return folders


def _read_model(source: Path) -> tuple[dict[int, _Camera], list[_Image]]:
    if (source / "cameras.bin").is_file():
        with open(source / "cameras.bin", "rb") as cameras, open(source / "images.bin", "rb") as images:
            return dict(_binary_cameras(cameras, source)), list(_binary_images(images))
    if (source / "cameras.txt").is_file():
        cameras_text = read_text(source / "cameras.txt")
        return dict(_text_cameras(cameras_text)), list(_text_images(source / "images.txt"))
    found = "neither cameras.bin nor cameras.txt in it" if source.is_dir() else "no such folder"
    raise DatasetError(f"{source}: {found}; expected a model of COLMAP, as PROJECT/sparse/0")


def _find_images(source: Path) -> Path:
    for folder in (source, *list(source.resolve().parents)[:2]):
        if (folder / "images").is_dir():
            return folder / "images"
    raise DatasetError(f"{source}: no folder images in it or above it; say where they are with --images")


def _intrinsics(camera: _Camera, source: Path) -> CameraIntrinsics:
    is_fisheye = camera.model in FISHEYES
    places = FISHEYES.get(camera.model) or PINHOLES.get(camera.model)
    if places is None:
        known = ", ".join((*PINHOLES, *FISHEYES))
        raise DatasetError(
            f"{source}: camera model {camera.model!r}; expected one of {known} (undistort the images with COLMAP)"
        )
    lens, distortion = places
    try:
        fx, fy, cx, cy = (camera.parameters[place] for place in lens)
        coefficients = tuple(camera.parameters[place] for place in distortion)
        coefficients += (0.0,) * ((4 if is_fisheye else 5) - len(coefficients))
        model = EQUIDISTANT if is_fisheye else PLUMB_BOB
        # COLMAP's pixel centres lie at halves
        return CameraIntrinsics(camera.width, camera.height, fx, fy, cx - 0.5, cy - 0.5, coefficients, model)
    except (IndexError, ValueError) as error:
        raise DatasetError(f"{source}: a camera of model {camera.model}: {error}") from error


def _pose(quat_wxyz: list[float], translation: list[float]) -> np.ndarray:
    w, x, y, z = quat_wxyz
    return invert(pose_or_nan(np.array(translation), np.array([x, y, z, w])))


def _text_cameras(text: str) -> Iterator[tuple[int, _Camera]]:
    for line in text.splitlines():
        fields = line.split()
        if fields and not fields[0].startswith("#"):
            parameters = tuple(float(field) for field in fields[4:])
            yield int(fields[0]), _Camera(fields[1], int(fields[2]), int(fields[3]), parameters)


def _text_images(path: Path) -> Iterator[_Image]:
    """Two lines for each image: itself, and its points, which may be empty or, where people wrote the file, missing."""
    points_may_follow = False
    for number, line in read_list(path):
        if not line.strip() or line.startswith("#") or (points_may_follow and _are_points(line)):
            points_may_follow = points_may_follow and line.startswith("#")
            continue
        yield _text_image(path, number, line)
        points_may_follow = True


def _text_image(path: Path, number: int, line: str) -> _Image:
    fields = line.split(maxsplit=9)
    try:
        if len(fields) != 10:
            raise ValueError
        values = [read_number(field) for field in fields[1:8]]
        return _Image(fields[9].strip(), int(fields[8]), _pose(values[:4], values[4:]))
    except ValueError:
        raise DatasetError(
            f"{path}:{number}: expected an image (number, 7 numbers of its pose, camera, name), found {line[:80]!r}"
        ) from None


def _are_points(line: str) -> bool:
    """Whether a line is a list of x, y and a point's number, which the line of an image never is: it ends in a name."""
    fields = line.split()
    try:
        return len(fields) % 3 == 0 and all(np.isfinite([float(field) for field in (*fields[:12], fields[-1])]))
    except ValueError:
        return False


def _binary_cameras(file: BinaryIO, source: Path) -> Iterator[tuple[int, _Camera]]:
    names = list(PARAMETER_COUNTS)
    for _ in range(_unpack(file, "<Q")[0]):
        camera_id, number, width, height = _unpack(file, "<iiQQ")
        if not 0 <= number < len(names):
            raise DatasetError(f"{source}: a camera model of number {number}; expected at most {len(names) - 1}")
        model = names[number]
        yield camera_id, _Camera(model, width, height, _unpack(file, f"<{PARAMETER_COUNTS[model]}d"))


def _binary_images(file: BinaryIO) -> Iterator[_Image]:
    for _ in range(_unpack(file, "<Q")[0]):
        _, *pose, camera_id = _unpack(file, "<i7di")
        name = b"".join(iter(lambda: _unpack(file, "c")[0], b"\0"))
        if len(name) > MAX_NAME:
            raise ValueError(f"a name of {len(name)} bytes")
        (point_count,) = _unpack(file, "<Q")
        file.seek(24 * point_count, 1)  # x, y and a point's number, 8 bytes each
        yield _Image(name.decode("utf-8"), camera_id, _pose(pose[:4], pose[4:]))


def _unpack(file: BinaryIO, layout: str) -> tuple:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))

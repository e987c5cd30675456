# SPDX-License-Identifier: BSD-3-Clause
"""transforms.json of instant-ngp and nerfstudio: poses of OpenGL cameras (x right, y up, z backwards) in a scene."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from camera_relocalization_ros.core.camera import EQUIDISTANT, PLUMB_BOB, CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError, unreadable
from camera_relocalization_ros.core.image_files import path_inside, read_image_file
from camera_relocalization_ros.core.output_files import write_json
from camera_relocalization_ros.core.plain_values import READ_FAULTS, read_json_mapping
from camera_relocalization_ros.data.dataset import METRIC, PHOTOGRAPHS, Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.layouts.folders import named_frames, new_export
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.picture_sizes import fitted_cameras, picture_size, scaled_from
from camera_relocalization_ros.data.layouts.stampless import add_image_file, refuse_without_pictures, synthetic_stamp_ns
from camera_relocalization_ros.data.splits import Parts, is_within, load_split, save_split, split_names

FILE = "transforms.json"
SEQUENCE = "images"
# nerfstudio's keys of the parts of a split
LISTS = {"train": "train_filenames", "val": "val_filenames", "test": "test_filenames"}
PARENT_FRAME, CHILD_FRAME = "scene", "camera_optical_frame"
T_OPENGL_OPTICAL = np.diag([1.0, -1.0, -1.0, 1.0])
SUFFIXES = ("", ".png", ".jpg", ".jpeg")  # instant-ngp's synthetic scenes leave the ending out
# by camera model, the keys of the coefficients in OpenCV's order
PINHOLES = {
    **dict.fromkeys(("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"), ("k1", "k2", "p1", "p2", "k3")),
    "FULL_OPENCV": ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
}
FISHEYE, FISHEYE_KEYS = "OPENCV_FISHEYE", ("k1", "k2", "k3", "k4")
FOCAL_KEYS_OF_AXES = ({"fl_x", "camera_angle_x"}, {"fl_y", "camera_angle_y"})
FOCAL_KEYS = set().union(*FOCAL_KEYS_OF_AXES)
LENS_KEYS = ("cx", "cy", "w", "h", *PINHOLES["FULL_OPENCV"], *sorted(FOCAL_KEYS))

logger = logging.getLogger(__name__)


def import_transforms_json(source: Path, output: Path) -> Dataset:
    """Write the data set `output` of one sequence, frames in the natural order of their file names, and return it.

    Lists of training and test files become the split `official`; so do the files of a folder that has one for each part
    (transforms_train.json, ..._val.json, ..._test.json, as of Blender's scenes), which become sequences.
    source: the file, or its folder. Raises DatasetError. Intrinsics within a frame are those of its picture.
    """
    files = _files(source)
    listings = [_listing(path, name) for name, path in files.items()]
    cameras = [camera for listing in listings for camera in listing.cameras if camera is not None]
    with DatasetWriter(output, PARENT_FRAME, CHILD_FRAME, cameras) as writer:
        for number, listing in enumerate(listings):
            with writer.sequence(listing.name, listing.info) as sequence:
                listing.write(sequence, number)
    if len(listings) > 1:
        save_split(output, "official", {listing.name: listing.whole for listing in listings}, "a file for each part")
    elif listings[0].parts:
        save_split(output, "official", listings[0].parts, f"the lists of {listings[0].path.name}")
    return Dataset.load(output)


@dataclass(frozen=True)
class _Listing:
    """What a file lists, frame by frame, and the sequence that it becomes."""

    path: Path
    name: str
    info: dict[str, Any]
    frames: list[dict[str, Any]]
    image_paths: list[Path]
    cameras: list[CameraIntrinsics | None]
    parts: Parts

    @property
    def whole(self) -> dict[str, list[list[int]]]:
        """The range of all its frames, as a part of a split has it."""
        return {self.name: [[0, len(self.frames) - 1]]}

    def write(self, sequence: SequenceWriter, sequence_number: int) -> None:
        """Add all frames; raises DatasetError."""
        for number, (frame, image_path, camera) in enumerate(zip(self.frames, self.image_paths, self.cameras)):
            stamp_ns = synthetic_stamp_ns(sequence_number, number)
            add_image_file(sequence, stamp_ns, _pose(self.path, frame), image_path, number, camera)


def _files(source: Path) -> dict[str, Path]:
    """The files of a source by the names of their sequences."""
    if not source.is_dir():
        return {SEQUENCE: source}
    parts = {part: source / f"transforms_{part}.json" for part in LISTS}
    found = {part: path for part, path in parts.items() if path.is_file()}
    return {SEQUENCE: source / FILE} if (source / FILE).is_file() or not found else found


def _listing(path: Path, name: str) -> _Listing:
    values = _read(path)
    frames = sorted(values["frames"], key=lambda frame: natural_key(str(frame.get("file_path"))))
    image_paths = [_image_path(path, frame) for frame in frames]
    refuse_without_pictures(image_paths)
    parts = _listed_parts(path, values, frames)
    given = [_camera(path, _keys_of(frame, values), image) for frame, image in zip(frames, image_paths)]
    cameras = fitted_cameras(path, image_paths, given)
    info = {"source": f"{path.parent.name}/{path.name}", PHOTOGRAPHS: True, **_model_info(values, frames)}
    info.update({METRIC: False, **_applied_scale(path, values), **scaled_from(given, cameras)})
    return _Listing(path, name, info, frames, image_paths, cameras, parts)


def _applied_scale(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """For the sequence's info, what nerfstudio says that it has multiplied positions by, which are kept as they are."""
    scale = values.get("applied_scale", 1.0)
    if not isinstance(scale, (int, float)) or scale == 1 or not (math.isfinite(scale) and scale > 0):
        return {}
    logger.warning(
        "%s: positions were multiplied by an applied_scale of %g, and are kept so: a unit of the original is %g here",
        path,
        scale,
        scale,
    )
    return {"applied_scale": float(scale)}


def export_transforms_json(dataset: Dataset, output: Path) -> list[Path]:
    """Write transforms.json and the images in a folder for each sequence; returns the file.

    Matrices are of OpenGL cameras, to the last digit; each frame has its intrinsics where the data set has several. A
    split `official` becomes nerfstudio's lists of files.
    Raises DatasetError when `output` exists, or for distortion that transforms.json has no keys for.
    """
    entries = []
    for name, frame in named_frames(dataset):
        lens = {} if dataset.camera else _lens_values(dataset, dataset.camera_of(frame))
        matrix = (frame.pose.matrix @ T_OPENGL_OPTICAL).tolist()
        entries.append({"file_path": f"images/{name}", **lens, "transform_matrix": matrix})
    values = {**_lens_values(dataset, dataset.camera), **_official_lists(dataset), "frames": entries}
    with new_export(output) as root:
        for name, frame in named_frames(dataset):
            (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "images" / name).write_bytes(read_image_file(frame.image_path))
        write_json(root / FILE, values)
    return [output / FILE]


def _lens_values(dataset: Dataset, camera: CameraIntrinsics | None) -> dict[str, Any]:
    if camera is None:
        return {}
    model = FISHEYE if camera.is_fisheye else "FULL_OPENCV" if any(camera.distortion[5:]) else "OPENCV"
    keys = FISHEYE_KEYS if camera.is_fisheye else PINHOLES[model]
    if any(camera.distortion[len(keys) :]):
        raise DatasetError(f"{dataset.path}: distortion {camera.distortion}; {FILE} has {', '.join(keys)} alone")
    lens = {"camera_model": model, "w": camera.width, "h": camera.height, "fl_x": camera.fx, "fl_y": camera.fy}
    # pixel centres lie at halves there
    return {**lens, "cx": camera.cx + 0.5, "cy": camera.cy + 0.5, **dict(zip(keys, camera.distortion))}


def _official_lists(dataset: Dataset) -> dict[str, list[str]]:
    if "official" not in split_names(dataset.path):
        return {}
    parts = load_split(dataset.path, "official")
    names = [f"images/{name}" for name, _ in named_frames(dataset)]
    numbers = [(sequence.name, frame.number) for sequence in dataset.sequences for frame in sequence.frames]
    return {
        key: [name for name, (s, number) in zip(names, numbers) if is_within(number, parts[part].get(s, []))]
        for part, key in LISTS.items()
        if part in parts
    }


def _listed_parts(path: Path, values: dict[str, Any], frames: list[dict[str, Any]]) -> Parts:
    """The frames of nerfstudio's lists of file names, for those of the lists that are there; raises DatasetError."""
    number_of = {_plain(str(frame.get("file_path"))): number for number, frame in enumerate(frames)}
    parts: Parts = {}
    for part, key in LISTS.items():
        names = values.get(key) or []
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise DatasetError(f"{path}: {key} is no list of file names")
        known = sorted(number_of[_plain(name)] for name in names if _plain(name) in number_of)
        if len(known) < len(names):
            logger.warning("%s: %d of the %d files of %s are no frames", path, len(names) - len(known), len(names), key)
        if known:
            parts[part] = {SEQUENCE: [[number, number] for number in known]}
    return parts


def _plain(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _read(path: Path) -> dict[str, Any]:
    try:
        values = read_json_mapping(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {unreadable(error, 'JSON')}") from error
    frames = values.get("frames")
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise DatasetError(f"{path}: expected an object with a list `frames`")
    return values


def _pose(path: Path, frame: dict[str, Any]) -> np.ndarray:
    try:
        matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    except READ_FAULTS as error:
        raise DatasetError(f"{path}: {frame.get('file_path')!r} has no matrix `transform_matrix` ({error})") from error
    if matrix.shape not in ((4, 4), (3, 4)):
        raise DatasetError(f"{path}: {frame.get('file_path')!r}: matrix of shape {matrix.shape}; expected 4x4 or 3x4")
    T_scene_optical = np.eye(4)
    # the last row as it is given: what takes the pose says where it is none
    T_scene_optical[: len(matrix)] = matrix
    T_scene_optical[:3] = T_scene_optical[:3] @ T_OPENGL_OPTICAL
    return T_scene_optical


def _image_path(path: Path, frame: dict[str, Any]) -> Path:
    name = frame.get("file_path")
    if not isinstance(name, str) or not name:
        raise DatasetError(f"{path}: a frame without `file_path`")
    names = [name, name.replace("\\", "/")]  # written on Windows
    candidates = [path_inside(path.parent, each + suffix, path) for each in names for suffix in SUFFIXES]
    return next((candidate for candidate in candidates if os.path.isfile(candidate)), candidates[0])


def _model_info(values: dict[str, Any], frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The camera models by their names there, where they are named."""
    names = sorted({str(frame.get("camera_model", values.get("camera_model", ""))) for frame in frames} - {""})
    return {"camera_model": ", ".join(names)} if names else {}


def _keys_of(frame: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The keys of a frame and, where it has none of its own, of the file: neither is two focal lengths of an axis."""
    own = {key: value for key, value in frame.items() if value is not None}
    hidden = {key for keys in FOCAL_KEYS_OF_AXES if keys & set(own) for key in keys}
    return {**{key: value for key, value in values.items() if key not in hidden}, **own}


def _camera(path: Path, values: dict[str, Any], image_path: Path) -> CameraIntrinsics | None:
    """The camera of a frame with the keys of the file and its own; None where they tell no focal length."""
    model, is_fisheye = values.get("camera_model") or "OPENCV", bool(values.get("is_fisheye"))
    if model != FISHEYE and model not in PINHOLES:
        raise DatasetError(f"{path}: camera model {model!r}; expected one of {[*PINHOLES, FISHEYE]}")
    is_fisheye = is_fisheye or model == FISHEYE
    try:
        given = {key: float(values[key]) for key in LENS_KEYS if values.get(key) is not None}
    except READ_FAULTS as error:
        raise DatasetError(f"{path}: intrinsics that are no numbers ({error})") from error
    keys = FISHEYE_KEYS if is_fisheye else PINHOLES[model]
    if "k4" not in keys and given.get("k4"):
        raise DatasetError(f"{path}: distortion k4 = {given['k4']:g}; expected none beyond k1, k2, p1, p2 and k3")
    size = picture_size(image_path)
    if size is not None:
        # instant-ngp's synthetic scenes leave the size out
        given.setdefault("w", float(size[0]))
        given.setdefault("h", float(size[1]))
    if not ({"w", "h"} <= set(given) and FOCAL_KEYS & set(given)):
        return None
    return _intrinsics(path, given, keys, EQUIDISTANT if is_fisheye else PLUMB_BOB)


def _intrinsics(path: Path, given: dict[str, float], keys: tuple[str, ...], model: str) -> CameraIntrinsics:
    axes = (("x", "w"), ("y", "h"))
    # pixel centres lie at halves there
    cx, cy = (given.get(key, 0.5 * given[size]) - 0.5 for key, size in (("cx", "w"), ("cy", "h")))
    distortion = tuple(given.get(key, 0.0) for key in keys)
    try:
        focal = [given.get(f"fl_{axis}") or _focal_by_angle(given, axis, size) for axis, size in axes]
        fx, fy = focal[0] or focal[1], focal[1] or focal[0]
        return CameraIntrinsics(int(given["w"]), int(given["h"]), fx, fy, cx, cy, distortion, model)
    except (OverflowError, ValueError, ZeroDivisionError) as error:
        raise DatasetError(f"{path}: {error}") from error


def _focal_by_angle(given: dict[str, float], axis: str, size: str) -> float:
    """In pixels, from the field of view (rad) along an axis; 0 where it is not given."""
    angle = given.get(f"camera_angle_{axis}")
    return 0.5 * given[size] / math.tan(0.5 * angle) if angle else 0.0

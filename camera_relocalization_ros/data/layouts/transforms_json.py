# SPDX-License-Identifier: BSD-3-Clause
"""transforms.json of instant-ngp and nerfstudio: poses of OpenGL cameras (x right, y up, z backwards) in a scene."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import path_inside
from camera_relocalization_ros.core.plain_values import read_json_mapping
from camera_relocalization_ros.data.dataset import PHOTOGRAPHS, Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.stampless import add_image_file, refuse_without_pictures, synthetic_stamp_ns
from camera_relocalization_ros.data.splits import Parts, save_split

FILE = "transforms.json"
SEQUENCE = "images"
# nerfstudio's keys of the parts of a split
LISTS = {"train": "train_filenames", "val": "val_filenames", "test": "test_filenames"}
PARENT_FRAME, CHILD_FRAME = "scene", "camera_optical_frame"
T_OPENGL_OPTICAL = np.diag([1.0, -1.0, -1.0, 1.0])
SUFFIXES = ("", ".png", ".jpg", ".jpeg")  # instant-ngp's synthetic scenes leave the ending out
LENSES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "")
FOCAL_KEYS = {"fl_x", "fl_y", "camera_angle_x", "camera_angle_y"}
LENS_KEYS = ("cx", "cy", "w", "h", "k1", "k2", "p1", "p2", "k3", "k4", *sorted(FOCAL_KEYS))
MODEL_KEYS = ("camera_model", "is_fisheye")

logger = logging.getLogger(__name__)


def import_transforms_json(source: Path, output: Path) -> Dataset:
    """Write the data set `output` of one sequence, frames in the natural order of their file names, and return it.

    Lists of training and test files become the split `official`.
    source: the file, or its folder. Raises DatasetError. Intrinsics may stand in each frame, if all are the same.
    """
    path = source / FILE if source.is_dir() else source
    values = _read(path)
    frames = sorted(values["frames"], key=lambda frame: natural_key(str(frame.get("file_path"))))
    camera = _camera(path, values, frames)
    image_paths = [_image_path(path, frame) for frame in frames]
    refuse_without_pictures(image_paths)
    parts = _listed_parts(path, values, frames)
    info = {"source": f"{path.parent.name}/{path.name}", PHOTOGRAPHS: True}
    with DatasetWriter(output, PARENT_FRAME, CHILD_FRAME, camera) as writer:
        with writer.sequence(SEQUENCE, info) as sequence:
            for number, (frame, image_path) in enumerate(zip(frames, image_paths)):
                add_image_file(sequence, synthetic_stamp_ns(0, number), _pose(path, frame), image_path, number)
    if parts:
        save_split(output, "official", parts, f"the lists of {path.name}")
    return Dataset.load(output)


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
    return PurePosixPath(name).as_posix()


def _read(path: Path) -> dict[str, Any]:
    try:
        values = read_json_mapping(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not a readable JSON file ({error})") from error
    frames = values.get("frames")
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise DatasetError(f"{path}: expected an object with a list `frames`")
    return values


def _pose(path: Path, frame: dict[str, Any]) -> np.ndarray:
    try:
        matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: {frame.get('file_path')!r} has no matrix `transform_matrix` ({error})") from error
    if matrix.shape not in ((4, 4), (3, 4)):
        raise DatasetError(f"{path}: {frame.get('file_path')!r}: matrix of shape {matrix.shape}; expected 4x4 or 3x4")
    T_scene_opengl = np.eye(4)
    T_scene_opengl[:3] = matrix[:3]
    return T_scene_opengl @ T_OPENGL_OPTICAL


def _image_path(path: Path, frame: dict[str, Any]) -> Path:
    name = frame.get("file_path")
    if not isinstance(name, str) or not name:
        raise DatasetError(f"{path}: a frame without `file_path`")
    candidates = [path_inside(path.parent, name + suffix, path) for suffix in SUFFIXES]
    return next((candidate for candidate in candidates if os.path.isfile(candidate)), candidates[0])


def _camera(path: Path, values: dict[str, Any], frames: list[dict[str, Any]]) -> CameraIntrinsics | None:
    lenses = [{key: frame.get(key, values.get(key)) for key in (*LENS_KEYS, *MODEL_KEYS)} for frame in frames]
    if any(lens != lenses[0] for lens in lenses):
        raise DatasetError(f"{path}: its frames are of several cameras; expected one, import apart")
    model, is_fisheye = (lenses[0].pop(key) for key in MODEL_KEYS)
    if (model or "") not in LENSES or is_fisheye:
        found = "is_fisheye" if (model or "") in LENSES else repr(model)
        raise DatasetError(f"{path}: camera model {found}; expected one of {list(filter(None, LENSES))}")
    try:
        given = {key: float(value) for key, value in lenses[0].items() if value is not None}
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{path}: intrinsics that are no numbers ({error})") from error
    if given.get("k4"):
        raise DatasetError(f"{path}: distortion k4 = {given['k4']:g}; expected none beyond k1, k2, p1, p2 and k3")
    if not ({"w", "h"} <= set(given) and FOCAL_KEYS & set(given)):
        return None
    try:
        return _intrinsics(given)
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        raise DatasetError(f"{path}: {error}") from error


def _intrinsics(given: dict[str, float]) -> CameraIntrinsics:
    focal = [given.get(f"fl_{axis}") or _focal_by_angle(given, axis, size) for axis, size in (("x", "w"), ("y", "h"))]
    fx, fy = focal[0] or focal[1], focal[1] or focal[0]
    # pixel centres lie at halves there
    cx, cy = (given.get(key, 0.5 * given[size]) - 0.5 for key, size in (("cx", "w"), ("cy", "h")))
    distortion = tuple(given.get(key, 0.0) for key in ("k1", "k2", "p1", "p2", "k3"))
    return CameraIntrinsics(int(given["w"]), int(given["h"]), fx, fy, cx, cy, distortion)


def _focal_by_angle(given: dict[str, float], axis: str, size: str) -> float:
    """In pixels, from the field of view (rad) along an axis; 0 where it is not given."""
    angle = given.get(f"camera_angle_{axis}")
    return 0.5 * given[size] / math.tan(0.5 * angle) if angle else 0.0

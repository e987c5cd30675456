# SPDX-License-Identifier: BSD-3-Clause
"""Lists of images and poses as in Cambridge Landmarks (Kendall et al. 2015): dataset_train.txt and dataset_test.txt.

A line is `path x y z qw qx qy qz`, after three lines of header. The position is the camera's; the quaternion turns the
world into the camera, as in the VisualSFM models that the poses were taken from. Lists of other people often hold the
opposite rotation; the doctor tells.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.core.image_files import path_inside, read_list
from camera_relocalization_ros.data.dataset import PHOTOGRAPHS, Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.layouts.folders import folder_sequence
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.pose_numbers import is_number, pose_or_nan, read_number
from camera_relocalization_ros.data.layouts.stampless import add_image_file, refuse_without_pictures, synthetic_stamp_ns
from camera_relocalization_ros.data.splits import Parts, save_split

LISTS = {"train": "dataset_train.txt", "test": "dataset_test.txt"}
ROTATIONS = ("world-to-camera", "camera-to-world")
HEADER_LINES = 3
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".webp")
PARENT_FRAME, CHILD_FRAME = "scene", "camera_optical_frame"


class _Entry(NamedTuple):
    image: str
    T_scene_camera: np.ndarray
    part: str


def import_cambridge(source: Path, output: Path, quaternion: str = ROTATIONS[0]) -> Dataset:
    """Write the data set `output` and return it: a sequence for each folder of images, the lists as split `official`.

    `quaternion`: which way the lists' rotations turn, one of ROTATIONS. The layout has neither stamps nor intrinsics.
    Raises DatasetError.
    """
    if quaternion not in ROTATIONS:
        raise DatasetError(f"quaternion {quaternion!r}; expected one of {list(ROTATIONS)}")
    entries = [entry for part, name in LISTS.items() for entry in _read_list(source / name, part, quaternion)]
    if not entries:
        raise DatasetError(f"{source}: neither {' nor '.join(LISTS.values())} with an image in it")
    _refuse_repeats(source, entries)
    refuse_without_pictures([_image_path(source, entry) for entry in entries])
    folders: dict[str, list[_Entry]] = {}
    for entry in sorted(entries, key=lambda entry: natural_key(entry.image)):
        folders.setdefault(folder_sequence(entry.image), []).append(entry)
    parts: Parts = {}
    with DatasetWriter(output, PARENT_FRAME, CHILD_FRAME) as writer:
        for index, (name, members) in enumerate(folders.items()):
            with writer.sequence(name, {"source": f"{source.name}/{name}", PHOTOGRAPHS: True}) as sequence:
                for number, entry in enumerate(members):
                    stamp_ns, path = synthetic_stamp_ns(index, number), _image_path(source, entry)
                    if add_image_file(sequence, stamp_ns, entry.T_scene_camera, path, number):
                        parts.setdefault(entry.part, {}).setdefault(name, []).append([number, number])
    save_split(output, "official", parts, " and ".join(LISTS.values()))
    return Dataset.load(output)


def _refuse_repeats(source: Path, entries: list[_Entry]) -> None:
    """An image in both lists would be tested on what it was trained on."""
    seen: set[str] = set()
    for entry in entries:
        if entry.image in seen:
            raise DatasetError(f"{source / LISTS[entry.part]}: {entry.image!r} is listed twice; expected once")
        seen.add(entry.image)


def _image_path(source: Path, entry: _Entry) -> Path:
    return path_inside(source, entry.image, source / LISTS[entry.part])


def _read_list(path: Path, part: str, quaternion: str) -> list[_Entry]:
    if not path.is_file():
        return []
    entries = []
    for number, line in read_list(path):
        fields = line.split()
        if not fields or (number <= HEADER_LINES and _is_header(line)):
            continue
        if len(fields) != 8 or not all(map(is_number, fields[1:])):
            raise DatasetError(f"{path}:{number}: expected a file name and 7 numbers, found {line!r}")
        x, y, z, qw, qx, qy, qz = map(read_number, fields[1:])
        entries.append(_Entry(fields[0], _pose(np.array([x, y, z]), np.array([qx, qy, qz, qw]), quaternion), part))
    return entries


def _is_header(line: str) -> bool:
    """Whether a line neither names an image nor holds a number; a list may come without header, or with a torn row.

    The header: "Visual Landmark Dataset V1", the names of the columns, an empty line.
    """
    fields = line.replace(",", " ").split()
    return not any(is_number(field) or Path(field).suffix.lower() in IMAGE_SUFFIXES for field in fields)


def _pose(position: np.ndarray, quat_xyzw: np.ndarray, quaternion: str) -> np.ndarray:
    T_scene_camera = pose_or_nan(np.zeros(3), quat_xyzw)
    if quaternion == "world-to-camera":
        T_scene_camera = invert(T_scene_camera)
    T_scene_camera[:3, 3] = position
    return T_scene_camera

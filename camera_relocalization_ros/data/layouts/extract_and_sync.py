# SPDX-License-Identifier: BSD-3-Clause
"""The layout of the thesis's own tool, extract-and-sync: images/image_00000.png and labels/pos_00000.txt.

A label is one line: `stamp,x,y,z,qx,qy,qz,qw`, the stamp in seconds, or in nanoseconds as rospy prints it.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import read_image_file
from camera_relocalization_ros.core.trajectory import seconds_text, seconds_to_ns
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.layouts.folders import (
    export_folders,
    import_recordings,
    new_export,
    recording_folders,
)
from camera_relocalization_ros.data.layouts.pose_numbers import pose_or_nan, read_number
from camera_relocalization_ros.data.layouts.stampless import add_image_file

IMAGE_NAME = re.compile(r"image_(\d+)\.(png|jpg|jpeg)$")
PARENT_FRAME, CHILD_FRAME = "world", "camera_optical_frame"
# more seconds than that are nanoseconds
MOST_SECONDS = 10**12


def import_extract_and_sync(
    source: Path, output: Path, parent_frame: str = PARENT_FRAME, child_frame: str = CHILD_FRAME
) -> Dataset:
    """Write the data set `output` and return it: a sequence of the folder, or one for each folder in it.

    The layout knows neither intrinsics nor the names of the frames. Raises DatasetError.
    """
    folders = recording_folders(source, "images", "the thesis", "folder ")
    with DatasetWriter(output, parent_frame, child_frame) as writer:
        import_recordings(writer, folders, "extract-and-sync", _import_sequence)
    return Dataset.load(output)


def export_extract_and_sync(dataset: Dataset, output: Path) -> list[Path]:
    """Write the layout, one folder per sequence when there are several; returns the folders.

    Frames are numbered anew from 0, as the layout wants. Raises DatasetError when `output` exists.
    """
    with new_export(output) as root:
        for sequence, folder in zip(dataset.sequences, export_folders(dataset, root)):
            _export_sequence(sequence, folder)
    return export_folders(dataset, output)


def _export_sequence(sequence: Sequence, folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for number, frame in enumerate(sequence.frames):
        name = f"{number:05d}"
        image = folder / "images" / f"image_{name}{frame.image_path.suffix}"
        image.write_bytes(read_image_file(frame.image_path))
        numbers = ",".join(repr(float(value)) for value in (*frame.position, *frame.quat_xyzw))
        label = f"{seconds_text(frame.stamp_ns)},{numbers}\n"
        (folder / "labels" / f"pos_{name}.txt").write_text(label, encoding="utf-8")


def _import_sequence(folder: Path, sequence: SequenceWriter) -> None:
    images = {
        int(match[1]): (p, match[1]) for p in (folder / "images").iterdir() if (match := IMAGE_NAME.match(p.name))
    }
    if not images:
        raise DatasetError(f"{folder / 'images'}: no image_NNNNN.png or .jpg in it")
    for number, (path, digits) in sorted(images.items()):
        stamp_ns, T_world_camera = _read_label(folder / "labels" / f"pos_{digits}.txt")
        add_image_file(sequence, stamp_ns, T_world_camera, path, number)


def _read_label(path: Path) -> tuple[int, np.ndarray]:
    try:
        fields = [field.strip() for field in path.read_text(encoding="utf-8").split(",")]
        values = [read_number(field) for field in fields[1:]]
        if len(values) != 7:
            raise ValueError(f"{len(fields)} fields")
        stamp_ns = int(fields[0]) if re.fullmatch(r"\d+", fields[0]) and int(fields[0]) > MOST_SECONDS else None
        stamp_ns = seconds_to_ns(fields[0]) if stamp_ns is None else stamp_ns
        return stamp_ns, pose_or_nan(np.array(values[:3]), np.array(values[3:]))
    except (OSError, ValueError, ArithmeticError) as error:
        raise DatasetError(f"{path}: expected stamp,x,y,z,qx,qy,qz,qw ({error})") from error

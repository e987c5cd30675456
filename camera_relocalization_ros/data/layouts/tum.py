# SPDX-License-Identifier: BSD-3-Clause
"""The layout of the TUM RGB-D benchmark (Sturm et al. 2012): rgb/, rgb.txt and groundtruth.txt."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import path_inside, read_image_file, read_list
from camera_relocalization_ros.core.trajectory import interpolated, read_tum, seconds_text, seconds_to_ns, write_tum
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.layouts.folders import (
    export_folders,
    import_recordings,
    new_export,
    recording_folders,
)
from camera_relocalization_ros.data.layouts.stampless import add_image_file, refuse_without_pictures
from camera_relocalization_ros.data.pose_stream import PoseStream, StreamLimits

IMAGE_LIST, POSE_LIST = "rgb.txt", "groundtruth.txt"
PARENT_FRAME, CHILD_FRAME = "world", "camera_optical_frame"


def export_tum(dataset: Dataset, output: Path) -> list[Path]:
    """Write a TUM folder, or one per sequence below `output` when there are several; returns the folders.

    Images keep their bytes and are named by their stamps. Raises DatasetError when `output` exists.
    """
    with new_export(output) as root:
        for sequence, folder in zip(dataset.sequences, export_folders(dataset, root)):
            _export_sequence(sequence, folder)
    return export_folders(dataset, output)


def _export_sequence(sequence: Sequence, folder: Path) -> None:
    (folder / "rgb").mkdir(parents=True)
    lines = ["# color images", "# timestamp filename"]
    for frame in sequence.frames:
        stamp = seconds_text(frame.stamp_ns)
        name = f"rgb/{stamp}{frame.image_path.suffix}"
        (folder / name).write_bytes(read_image_file(frame.image_path))
        lines.append(f"{stamp} {name}")
    (folder / IMAGE_LIST).write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_tum(folder / POSE_LIST, sequence.trajectory())


def import_tum(source: Path, output: Path, max_gap_s: float = StreamLimits.max_gap_s) -> Dataset:
    """Write the data set `output` and return it: a sequence of the folder, or one for each folder in it.

    The pose at an image's stamp lies between those of groundtruth.txt around it. The poses must be those of the
    camera's optical frame, as the benchmark's are. Raises DatasetError or SyncError.
    """
    folders = recording_folders(source, IMAGE_LIST, "TUM RGB-D")
    import_one = partial(_import_sequence, limits=StreamLimits(max_gap_s))
    with DatasetWriter(output, PARENT_FRAME, CHILD_FRAME) as writer:
        import_recordings(writer, folders, "tum", import_one)
    return Dataset.load(output)


def _import_sequence(folder: Path, sequence: SequenceWriter, limits: StreamLimits) -> None:
    poses = read_tum(folder / POSE_LIST)
    if not len(poses):
        raise DatasetError(f"{folder / POSE_LIST}: no pose in it")
    stream = PoseStream(poses, limits)
    entries = _read_list(folder / IMAGE_LIST)
    paths = [path_inside(folder, name, folder / IMAGE_LIST) for _, name in entries]
    refuse_without_pictures(paths)
    for number, ((stamp_ns, _), path) in enumerate(zip(entries, paths)):
        # the benchmark's poses are taken as given: only what lies between two of them is
        is_given = bool(np.isin(stamp_ns, poses.stamps_ns))
        fault = "" if is_given else stream.faults(np.array([stamp_ns]))[0]
        if fault:
            sequence.skip(fault)
            continue
        pose = interpolated(poses if is_given else stream.trusted, stamp_ns).matrix
        add_image_file(sequence, stamp_ns, pose, path, number)


def _read_list(path: Path) -> list[tuple[int, str]]:
    """Stamps and file names, in the order of the stamps."""
    entries = []
    for number, line in read_list(path):
        fields = line.split(maxsplit=1)
        if not fields or fields[0].startswith("#"):
            continue
        try:
            entries.append((seconds_to_ns(fields[0]), fields[1].strip()))
        except (ArithmeticError, IndexError):
            raise DatasetError(f"{path}:{number}: expected a stamp and a file name, found {line!r}") from None
    return sorted(entries)

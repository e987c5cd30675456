# SPDX-License-Identifier: BSD-3-Clause
"""The layout of the thesis's own tool, extract-and-sync: images/image_00000.png and labels/pos_00000.txt.

A label is one line: `stamp,x,y,z,qx,qy,qz,qw`, the stamp in seconds, or in nanoseconds as rospy prints it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from camera_relocalization_ros.aircraft.placements import PLACEMENTS, T_map_airframe
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import read_image_file
from camera_relocalization_ros.core.plain_values import read_text
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.trajectory import seconds_text, seconds_to_ns
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.layouts.folders import (
    export_folders,
    import_recordings,
    new_export,
    recording_folders,
)
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.pose_numbers import pose_or_nan, read_number
from camera_relocalization_ros.data.layouts.stampless import add_image_file
from camera_relocalization_ros.data.split_kinds import airframe_ind, whole_sequences
from camera_relocalization_ros.data.splits import save_split

# the thesis' training layout: position_N/PART/seq_NN
POSITION, PARTS = re.compile(r"position_(\d+)"), ("train", "test")
IMAGE_NAME = re.compile(r"image_(\d+)\.(png|jpg|jpeg)$")
PARENT_FRAME, CHILD_FRAME = "world", "camera_optical_frame"
# more seconds than that are nanoseconds
MOST_SECONDS = 10**12


def import_extract_and_sync(
    source: Path, output: Path, parent_frame: str = PARENT_FRAME, child_frame: str = CHILD_FRAME
) -> Dataset:
    """Write the data set `output` and return it: a sequence of the folder, or one for each folder in it.

    The folders position_N/train/seq_NN and position_N/test/seq_NN, in which the thesis kept what it trained on, become
    sequences with their placement, and the split `official`; several placements make the split `airframe-ind` too,
    which holds the last one out. The layout knows neither intrinsics nor the names of the frames. Raises DatasetError.
    """
    recordings = _training_recordings(source)
    if recordings:
        return _import_training_layout(recordings, source, output, parent_frame, child_frame)
    folders = recording_folders(source, "images", "the thesis", "folder ")
    with DatasetWriter(output, parent_frame, child_frame) as writer:
        import_recordings(writer, folders, "extract-and-sync", _import_sequence)
    return Dataset.load(output)


class _Recording(NamedTuple):
    folder: Path
    placement: int
    part: str

    @property
    def name(self) -> str:
        return f"position_{self.placement}_{self.part}_{self.folder.name}"

    @property
    def info(self) -> dict[str, Any]:
        """The placement, and where the airframe stood there if it is one of the thesis'."""
        info: dict[str, Any] = {"source": f"the thesis {self.name}", "placement": self.placement}
        if self.placement in PLACEMENTS:
            pose = Pose.from_matrix(T_map_airframe(self.placement))
            position, quat_xyzw = pose.position.tolist(), pose.quat_xyzw.tolist()
            info["T_world_parent"] = {"frame": "map", "position": position, "quat_xyzw": quat_xyzw}
        return info


def _training_recordings(source: Path) -> list[_Recording]:
    """The recordings of the thesis' training layout, placement after placement; none where it is another."""
    found = []
    for folder in source.glob("position_*/*/seq_*"):
        numbered = POSITION.fullmatch(folder.parent.parent.name)
        if numbered and folder.parent.name in PARTS and (folder / "images").is_dir():
            found.append(_Recording(folder, int(numbered[1]), folder.parent.name))
    return sorted(found, key=lambda one: (one.placement, PARTS.index(one.part), natural_key(one.folder.name)))


def _import_training_layout(
    recordings: list[_Recording], source: Path, output: Path, parent_frame: str, child_frame: str
) -> Dataset:
    with DatasetWriter(output, parent_frame, child_frame) as writer:
        for recording in recordings:
            with writer.sequence(recording.name, recording.info) as sequence:
                _import_sequence(recording.folder, sequence)
    dataset = Dataset.load(output)
    parts = {part: [recording.name for recording in recordings if recording.part == part] for part in PARTS}
    if all(parts.values()):
        save_split(
            output, "official", whole_sequences(dataset, parts), f"folders {' and '.join(PARTS)} of {source.name}"
        )
    placements = {recording.name: recording.placement for recording in recordings}
    if len(set(placements.values())) > 1:
        last = max(placements.values())
        save_split(output, "airframe-ind", airframe_ind(dataset, placements, last), f"placement {last} held out")
    return dataset


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
        fields = [field.strip() for field in read_text(path).split(",")]
        values = [read_number(field) for field in fields[1:]]
        if len(values) != 7:
            raise ValueError(f"{len(fields)} fields")
        stamp_ns = int(fields[0]) if re.fullmatch(r"\d+", fields[0]) and int(fields[0]) > MOST_SECONDS else None
        stamp_ns = seconds_to_ns(fields[0]) if stamp_ns is None else stamp_ns
        return stamp_ns, pose_or_nan(np.array(values[:3]), np.array(values[3:]))
    except (OSError, ValueError, ArithmeticError) as error:
        raise DatasetError(f"{path}: expected stamp,x,y,z,qx,qy,qz,qw ({error})") from error

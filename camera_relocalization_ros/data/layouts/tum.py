# SPDX-License-Identifier: BSD-3-Clause
"""The layout of the TUM RGB-D benchmark (Sturm et al. 2012): rgb/, rgb.txt and groundtruth.txt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError, SyncError
from camera_relocalization_ros.core.image_files import path_inside, read_image_file, read_list
from camera_relocalization_ros.core.pose import MAX_POSITION_M, Pose, is_pose
from camera_relocalization_ros.core.trajectory import (
    Trajectory,
    interpolated,
    nearest_rows,
    read_tum,
    seconds_text,
    seconds_to_ns,
    table_lines,
    write_tum,
)
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.layouts.folders import (
    export_folders,
    import_recordings,
    new_export,
    recording_folders,
)
from camera_relocalization_ros.data.layouts.pose_numbers import read_number
from camera_relocalization_ros.data.layouts.stampless import add_image_file, refuse_without_pictures
from camera_relocalization_ros.data.pose_stream import PoseStream, StreamLimits

IMAGE_LIST, POSE_LIST = "rgb.txt", "groundtruth.txt"
NO_STAMP = "stamp that is no time"
# what is left of a stamp in float64 seconds, or with six digits: the moment is the same
ROUNDED_NS = 1_000
# of 1973 to 2255; as seconds they would be beyond all clocks
NANOSECONDS = re.compile(r"([1-9]\d{17}|[1-8]\d{18})(\.0*)?")
COLUMNS = ("stamp", "x", "y", "z", "qx", "qy", "qz", "qw")
# as others call them, in lower case, without signs and units
COLUMN_NAMES = {
    **{name: name for name in COLUMNS},
    **dict.fromkeys(("timestamp", "time", "t", "times", "timestamps", "stamps", "timestampns", "timens"), "stamp"),
    **{f"{prefix}{axis}": axis for axis in "xyz" for prefix in ("p", "t", "pos", "position")},
    **{f"{axis}m": axis for axis in "xyz"},
}
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

    The pose at an image's stamp lies between those of groundtruth.txt around it, or is that of the same moment where
    other programs rewrote the stamps with fewer digits. The poses must be those of the
    camera's optical frame, as the benchmark's are. Raises DatasetError or SyncError.
    """
    folders = recording_folders(source, IMAGE_LIST, "TUM RGB-D")
    import_one = partial(_import_sequence, limits=StreamLimits(max_gap_s))
    with DatasetWriter(output, PARENT_FRAME, CHILD_FRAME) as writer:
        import_recordings(writer, folders, "tum", import_one)
    return Dataset.load(output)


@dataclass(frozen=True)
class ListedPoses:
    """A list of poses, of which those that are given for a stamp are taken as they are, and others lie between two."""

    poses: Trajectory
    stream: PoseStream

    def at(self, stamp_ns: int) -> tuple[Pose | None, str]:
        """The pose at a stamp, or why there is none."""
        # the benchmark's poses are taken as given: only what lies between two of them is judged
        row = int(nearest_rows(np.array([stamp_ns]), self.poses.stamps_ns, ROUNDED_NS)[0])
        fault = "" if row >= 0 else self.stream.faults(np.array([stamp_ns]))[0]
        if fault:
            row = int(nearest_rows(np.array([stamp_ns]), self.poses.stamps_ns)[0])
        if fault and row < 0:
            return None, fault
        return (self.poses.poses[row] if row >= 0 else interpolated(self.stream.trusted, stamp_ns)), ""


def _import_sequence(folder: Path, sequence: SequenceWriter, limits: StreamLimits) -> None:
    poses = read_poses(folder / POSE_LIST, sequence, limits)
    entries = _read_list(folder / IMAGE_LIST, sequence)
    paths = [path_inside(folder, name, folder / IMAGE_LIST) for _, name in entries]
    refuse_without_pictures(paths)
    for number, ((stamp_ns, _), path) in enumerate(zip(entries, paths)):
        pose, fault = poses.at(stamp_ns)
        if pose is None:
            sequence.skip(fault)
        else:
            add_image_file(sequence, stamp_ns, pose.matrix, path, number)


def read_poses(path: Path, sequence: SequenceWriter, limits: StreamLimits) -> ListedPoses:
    """A list of stamp, position, quaternion x y z w as other people's programs write it, or with names of its columns.

    Rows that are no poses are counted in the sequence, with the first's line. Raises DatasetError where there is none,
    and SyncError for what is no list of numbers.
    """
    poses = _read_poses(path, sequence)
    if not len(poses):
        raise DatasetError(f"{path}: no pose in it")
    return ListedPoses(poses, PoseStream(poses, limits))


def _read_poses(path: Path, sequence: SequenceWriter) -> Trajectory:
    """The poses of a list as other people's programs write it; rows that are none are counted, with the first's line.

    Raises SyncError for what is no list of numbers, and where hardly a row is a pose.
    """
    stamps_ns: list[int] = []
    rows: list[list[float]] = []
    faults: dict[str, list[int]] = {}
    lines = list(table_lines(path))
    order = _commented_order(path)
    for number, line, fields in lines:
        if not rows and not faults and order is None:
            order = _column_order(line)
            if order is not None:
                continue
        try:
            stamp, *rest = fields if order is None else [fields[place] for place in order]
            stamp_ns, values = _stamp_ns(stamp), [read_number(field) for field in rest]
            if len(values) != 7:
                raise ValueError
        except (ValueError, IndexError):
            raise SyncError(f"{path}:{number}: expected 8 numbers, found {line!r}") from None
        fault = NO_STAMP if stamp_ns is None else _pose_fault(values) or _order_fault(stamp_ns, stamps_ns)
        if fault or stamp_ns is None:
            faults.setdefault(fault, []).append(number)
            continue
        stamps_ns.append(stamp_ns)
        rows.append(values)
    if faults and len(rows) < 2:
        read_tum(path)  # has its own words for some
        raise SyncError(f"{path}: {_counted(path, faults)}; expected poses with stamps in seconds")
    for fault, numbers in faults.items():
        sequence.leave_out(_first_at(fault, path, numbers[0]), len(numbers))
    poses = np.array(rows).reshape(-1, 7)
    return Trajectory(np.array(stamps_ns, dtype=np.int64), poses[:, :3], poses[:, 3:])


def _commented_order(path: Path) -> list[int] | None:
    """The order of the columns where the comments in front of the rows name them."""
    comments = takewhile(lambda line: line.startswith("#"), (line for _, line in read_list(path)))
    orders = [_column_order(line) for line in comments]
    return next((order for order in orders if order is not None), None)


def _column_order(header: str) -> list[int] | None:
    """Where stamp, x, y, z, qx, qy, qz, qw lie, by the names of a first line; None where it does not name them."""
    header = header.strip().lstrip("#")
    found = header.split(",") if "," in header else header.split()
    # units in brackets are no part of a name
    names = [COLUMN_NAMES.get(re.sub(r"\[.*?\]|\(.*?\)|[\W_]", "", name.lower()), "") for name in found]
    return [names.index(column) for column in COLUMNS] if set(COLUMNS) <= set(names) else None


def _pose_fault(values: list[float]) -> str:
    if not np.isfinite(values).all():
        return "pose that is no number"
    if max(map(abs, values[:3])) > MAX_POSITION_M:
        return f"position beyond {MAX_POSITION_M:g} m"
    return "" if is_pose(np.array(values[:3]), np.array(values[3:])) else "quaternion of length zero"


def _order_fault(stamp_ns: int, before_ns: list[int]) -> str:
    if not before_ns or stamp_ns > before_ns[-1]:
        return ""
    return "repeated stamp" if stamp_ns == before_ns[-1] else "stamp that goes back"


def _first_at(fault: str, path: Path, number: int) -> str:
    return f"{fault} (first at {path.name}:{number})"


def _counted(path: Path, faults: dict[str, list[int]]) -> str:
    return ", ".join(f"{len(numbers)} {_first_at(fault, path, numbers[0])}" for fault, numbers in faults.items())


def _stamp_ns(text: str) -> int | None:
    """A stamp in seconds, or in nanoseconds as EuRoC's; None for a number that is no time; raises ValueError."""
    try:
        return int(text.split(".")[0]) if NANOSECONDS.fullmatch(text) else seconds_to_ns(text)
    except ArithmeticError:
        read_number(text)
        return None


def _read_list(path: Path, sequence: SequenceWriter) -> list[tuple[int, str]]:
    """Stamps and file names, in the order of the stamps; those whose stamp is no time are counted."""
    entries = []
    faults: list[int] = []
    for number, line in read_list(path):
        fields = line.split(maxsplit=1)
        if not fields or fields[0].startswith("#"):
            continue
        try:
            stamp_ns, name = _stamp_ns(fields[0]), fields[1].strip()
        except (ValueError, IndexError):
            raise DatasetError(f"{path}:{number}: expected a stamp and a file name, found {line!r}") from None
        if stamp_ns is None:
            faults.append(number)
        else:
            entries.append((stamp_ns, name))
    for _ in faults:
        sequence.skip(_first_at(NO_STAMP, path, faults[0]))
    return sorted(entries)

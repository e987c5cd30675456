# SPDX-License-Identifier: BSD-3-Clause
"""Stamped poses: order, sub-sets and the TUM text form; knows nothing of images."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Iterator

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from camera_relocalization_ros.core.errors import SyncError, unreadable
from camera_relocalization_ros.core.geometry import canonical_quat, pose_matrix
from camera_relocalization_ros.core.output_files import write_text
from camera_relocalization_ros.core.plain_values import read_text
from camera_relocalization_ros.core.pose import Pose, Poses, is_pose

# as many nanoseconds as int64 holds: until the year 2262
MOST_SECONDS = 9_223_372_036
# stamps of one moment that went through other programs differ by less: TUM files often have four digits after the point
SAME_MOMENT_NS = 1_000_000


@dataclass(frozen=True)
class Trajectory:
    """Poses of one frame in another: stamps_ns (N,) int64 strictly ascending, positions (N, 3), quats_xyzw (N, 4)."""

    stamps_ns: np.ndarray
    positions: np.ndarray
    quats_xyzw: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.stamps_ns)
        object.__setattr__(self, "stamps_ns", np.asarray(self.stamps_ns, dtype=np.int64).reshape(count))
        object.__setattr__(self, "positions", np.asarray(self.positions, dtype=np.float64).reshape(count, 3))
        quats = np.asarray(self.quats_xyzw, dtype=np.float64).reshape(count, 4)
        object.__setattr__(self, "quats_xyzw", canonical_quat(quats))
        if np.any(np.diff(self.stamps_ns) <= 0):
            raise SyncError("stamps of a trajectory must be strictly ascending")

    def __len__(self) -> int:
        return len(self.stamps_ns)

    @property
    def poses(self) -> Poses:
        """The same without the stamps."""
        return Poses(self.positions, self.quats_xyzw)

    def matrices(self) -> np.ndarray:
        """T_parent_child (N, 4, 4)."""
        return pose_matrix(self.positions, self.quats_xyzw)

    def select(self, index: np.ndarray) -> Trajectory:
        """The poses at a boolean mask or an ascending list of indices."""
        return Trajectory(self.stamps_ns[index], self.positions[index], self.quats_xyzw[index])


def interpolated(trajectory: Trajectory, stamp_ns: int) -> Pose:
    """The pose at a stamp within the trajectory: linear, and along the shortest turn.

    A stamp that a pose has gives that pose, to the last digit.
    """
    after = int(np.searchsorted(trajectory.stamps_ns, stamp_ns))
    if not 0 <= after < len(trajectory) or (after == 0 and trajectory.stamps_ns[0] != stamp_ns):
        raise SyncError(f"stamp {stamp_ns} lies outside the trajectory")
    if trajectory.stamps_ns[after] == stamp_ns:
        return trajectory.poses[after]
    pair = slice(after - 1, after + 1)
    share = (stamp_ns - trajectory.stamps_ns[after - 1]) / (
        trajectory.stamps_ns[after] - trajectory.stamps_ns[after - 1]
    )
    position = (1 - share) * trajectory.positions[after - 1] + share * trajectory.positions[after]
    return Pose(position, Slerp([0.0, 1.0], Rotation.from_quat(trajectory.quats_xyzw[pair]))(share).as_quat())


def write_tum(path: Path, trajectory: Trajectory) -> None:
    """One line per pose: stamp in seconds, x y z, qx qy qz qw (the TUM RGB-D form, read by evo); nothing is rounded.

    Raises SyncError when the file cannot be written.
    """
    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for stamp, position, quat in zip(trajectory.stamps_ns, trajectory.positions, trajectory.quats_xyzw):
        values = " ".join(repr(float(value)) for value in (*position, *quat))
        lines.append(f"{seconds_text(int(stamp))} {values}")
    write_text(path, "\n".join(lines) + "\n", SyncError)


def read_tum(path: Path) -> Trajectory:
    """The inverse of `write_tum`, exact to the nanosecond; raises SyncError that names the line."""
    stamps, rows = [], []
    for number, line, fields in table_lines(path):
        try:
            stamps.append(seconds_to_ns(fields[0]))
            rows.append([float(value) for value in fields[1:]])
            if len(fields) != 8:
                raise ValueError
        except (ArithmeticError, ValueError):
            raise SyncError(
                f"{path}:{number}: expected 8 numbers, the first a stamp in seconds, found {line[:120]!r}"
            ) from None
    poses = np.array(rows).reshape(-1, 7)
    faulty = np.flatnonzero(~is_pose(poses[:, :3], poses[:, 3:]))
    if len(faulty):
        values = poses[faulty[0]].tolist()
        raise SyncError(f"{path}: pose {faulty[0] + 1} is none, {values}; expected finite numbers, and a quaternion")
    try:
        return Trajectory(np.array(stamps, dtype=np.int64), poses[:, :3], poses[:, 3:])
    except (SyncError, ValueError) as error:
        raise SyncError(f"{path}: {error}") from error


def read_stamps(path: Path) -> np.ndarray:
    """The stamps (N,) int64 at the beginnings of a file's lines, ascending, each once; raises SyncError."""
    stamps = []
    for number, line, fields in table_lines(path):
        try:
            stamps.append(seconds_to_ns(fields[0]))
        except ArithmeticError:
            raise SyncError(f"{path}:{number}: expected a stamp in seconds first, found {line!r}") from None
    return np.unique(np.array(stamps, dtype=np.int64))


def table_lines(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Number, text and fields of each line that is neither empty nor a comment; raises SyncError when unreadable."""
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise SyncError(f"{path}: {unreadable(error, 'text')}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.replace(",", " ").split()
        if fields and not fields[0].startswith("#"):
            yield number, line, fields


def seconds_text(stamp_ns: int) -> str:
    """A stamp in seconds with all nine digits; float64 would lose the nanoseconds."""
    return f"{stamp_ns // 1_000_000_000}.{stamp_ns % 1_000_000_000:09d}"


def seconds_to_ns(text: str) -> int:
    """The inverse of `seconds_text`; raises ArithmeticError when the text is no number, or beyond int64 nanoseconds."""
    seconds = Decimal(text)
    if not seconds.is_finite() or abs(seconds) > MOST_SECONDS:
        raise ArithmeticError(f"{text} s is no stamp")
    return int(seconds * 1_000_000_000)


def nearest_rows(stamps_ns: np.ndarray, reference_ns: np.ndarray, within_ns: int = SAME_MOMENT_NS) -> np.ndarray:
    """The row (N,) of reference_ns whose stamp is nearest to each of stamps_ns (N,); -1 where none is within_ns.

    reference_ns (M,) ascends; all are int64 nanoseconds.
    """
    if not len(reference_ns):
        return np.full(len(stamps_ns), -1)
    after = np.clip(np.searchsorted(reference_ns, stamps_ns), 1, max(len(reference_ns) - 1, 1))
    after = np.minimum(after, len(reference_ns) - 1)
    before = np.maximum(after - 1, 0)
    rows = np.where(stamps_ns - reference_ns[before] <= reference_ns[after] - stamps_ns, before, after)
    return np.where(np.abs(reference_ns[rows] - stamps_ns) <= within_ns, rows, -1)


def match_stamps(
    estimate: Trajectory, truth: Trajectory, within_ns: int = SAME_MOMENT_NS
) -> tuple[Trajectory, Trajectory]:
    """The poses of both at the moments that both have; raises SyncError when there is none.

    Stamps need not be equal: other programs write them with fewer digits, or as float64, which is a quarter of a
    microsecond off. Each pose has one partner, the nearest within `within_ns`.
    """
    rows = nearest_rows(estimate.stamps_ns, truth.stamps_ns, within_ns)
    back = nearest_rows(truth.stamps_ns, estimate.stamps_ns, within_ns)
    in_estimate = np.flatnonzero(rows >= 0)
    in_estimate = in_estimate[back[rows[in_estimate]] == in_estimate]
    if not len(in_estimate):
        within = f"{within_ns / 1e6:g} ms"
        raise SyncError(
            f"no stamp is in both the {len(estimate)} estimates and the {len(truth)} true poses, to {within}"
        )
    return estimate.select(in_estimate), truth.select(rows[in_estimate])

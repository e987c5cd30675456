# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the recording: gaps between frames, and poses that stand still, jump or are no rotations."""

from __future__ import annotations

from collections import Counter

import numpy as np

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.data.doctor.finding import LOOK, OK, Finding, level_of
from camera_relocalization_ros.data.pose_stream import PoseStream, StreamLimits
from camera_relocalization_ros.data.pose_suspicions import distance_suspicion

# frames further apart than this, and than this many typical steps, have a gap between them
GAP_S, GAP_STEPS = 0.5, 3.0
# shares of time or frames that are lost
FEW, MANY = 0.05, 0.3
MAX_NORM_ERROR = 1e-4
# gaps have a check of their own; turns by the one of quaternions
STREAM = StreamLimits(max_gap_s=1e9, max_turn_rate=np.inf)
MAX_TURN_RATE = StreamLimits().max_turn_rate


def gap_rows(sequence: Sequence) -> np.ndarray:
    """Rows of the frames after which a gap follows."""
    step_s = np.diff([frame.stamp_ns for frame in sequence.frames]) * 1e-9
    return np.flatnonzero(step_s > max(GAP_S, GAP_STEPS * float(np.median(step_s)))) if len(step_s) else np.array([])


def check_gaps(dataset: Dataset) -> Finding:
    """Gaps in time, and the frames that were skipped when the data set was made, by reason."""
    gaps, lost_s, total_s = 0, 0.0, 0.0
    skipped: Counter[str] = Counter()
    for sequence in dataset.sequences:
        if sequence.is_photographs:
            skipped.update(_skipped(sequence))
            continue
        stamps_s = np.array([frame.stamp_ns for frame in sequence.frames], dtype=np.int64) * 1e-9
        rows = gap_rows(sequence)
        gaps += len(rows)
        lost_s += float(sum(stamps_s[row + 1] - stamps_s[row] for row in rows))
        total_s += float(stamps_s[-1] - stamps_s[0]) if len(stamps_s) else 0.0
        skipped.update(_skipped(sequence))
    skipped_share = sum(skipped.values()) / (sum(skipped.values()) + dataset.frame_count)
    lost_share = lost_s / total_s if total_s else 0.0
    level = level_of(max(lost_share, skipped_share), FEW, MANY)
    reasons = ", ".join(f"{count} {reason}" for reason, count in skipped.most_common()) or "none"
    cause = "mend what the reasons name" if skipped_share > FEW else "look for dropped images"
    advice = "" if level == OK else f"; {cause} before the next flight, or train on single frames"
    time = (
        f"{gaps} gaps take {100 * lost_share:.0f} % of the time" if _streams(dataset) else "photographs have no times"
    )
    sentence = f"{time}; {100 * skipped_share:.0f} % of the frames were skipped ({reasons}){advice}"
    values = {"gaps": gaps, "lost_s": lost_s, "skipped": dict(skipped), "skipped_share": skipped_share}
    return Finding("gaps", level, sentence, values)


def check_quaternions(dataset: Dataset) -> Finding:
    """Stored quaternions of unit length, and no turn between neighbours that a camera cannot make.

    Files store w >= 0, so a change of sign between neighbours is normal and is not looked at.
    """
    quats = dataset.poses.quats_xyzw
    off = int(np.sum(np.abs(np.linalg.norm(quats, axis=1) - 1.0) > MAX_NORM_ERROR))
    turns = sum(int(_is_fast_turn(sequence).sum()) for sequence in _streams(dataset))
    values = {"off_length": off, "fast_turns": turns}
    if off:
        sentence = f"{off} of {len(quats)} quaternions are not of unit length; write them with more digits"
        return Finding("quaternions", level_of(off, 0, 0.01 * len(quats)), sentence, values)
    limit = f"{np.degrees(MAX_TURN_RATE):.0f} deg/s"
    if turns:
        sentence = (
            f"{turns} turns between neighbouring frames are faster than {limit}; "
            "check the order of x y z w and whether the tracker swapped markers"
        )
        return Finding("quaternions", level_of(turns, 0, 0.02 * len(quats)), sentence, values)
    turn = f" and none turns faster than {limit}" if _streams(dataset) else "; turns of photographs say nothing"
    return Finding("quaternions", OK, f"all are of unit length{turn}", values)


def check_stream(dataset: Dataset) -> Finding:
    """Poses that repeat themselves to the last digit, or jump; values["places"] names where, first ones first."""
    if not _streams(dataset):
        return Finding(
            "pose stream", OK, "photographs: nobody moved from one to the next by their stamps", {"places": []}
        )
    repeats, jumps, places = 0, 0, []
    for sequence in _streams(dataset):
        if len(sequence.frames) < 2:
            continue
        stream = PoseStream(_rounded(sequence.trajectory()), STREAM)
        stale = np.setdiff1d(stream.recorded.stamps_ns, stream.trusted.stamps_ns)
        bad_ns = stream.trusted.stamps_ns[_jump_rows(stream)]
        repeats, jumps = repeats + len(stale), jumps + len(bad_ns)
        places += [_place(sequence, "repeats the pose before", stale), _place(sequence, "a jump follows", bad_ns)]
    values = {"repeats": repeats, "jumps": jumps, "places": [place for place in places if place]}
    if not repeats + jumps:
        return Finding("pose stream", OK, "no pose repeats itself or jumps", values)
    sentence = (
        f"{repeats} poses repeat the one before to the last digit (a frozen tracker), {jumps} jump faster than "
        f"{STREAM.max_speed:.0f} m/s (swapped markers, a lost map, or images that are in no order); cut them out"
    )
    return Finding("pose stream", level_of((repeats + jumps) / dataset.frame_count, 0.0, 0.02), sentence, values)


def check_scale(dataset: Dataset) -> Finding:
    """Positions are in metres, as far as numbers alone tell."""
    distance = float(np.median(np.linalg.norm(dataset.poses.positions, axis=1)))
    suspicion = distance_suspicion(dataset.poses.positions) if dataset.is_metric else ""
    unit = "m" if dataset.is_metric else "units of the scene"
    sentence = suspicion or f"the cameras are typically {distance:.3g} {unit} from the parent's zero"
    return Finding("scale", LOOK if suspicion else OK, sentence, {"median_distance": distance})


def _streams(dataset: Dataset) -> list[Sequence]:
    """The sequences whose stamps are times."""
    return [sequence for sequence in dataset.sequences if not sequence.is_photographs]


def _skipped(sequence: Sequence) -> Counter[str]:
    skipped = sequence.info.get("skipped") or {}
    return Counter({str(reason): int(count) for reason, count in skipped.items()})


def _is_fast_turn(sequence: Sequence) -> np.ndarray:
    """Mask (N - 1,) of the steps that turn faster than any camera."""
    if len(sequence.frames) < 2:
        return np.zeros(0, bool)
    poses = sequence.trajectory()
    step_s = np.diff(poses.stamps_ns) * 1e-9
    # stamps of arrival jitter: two frames may lie closer in time than they were taken
    step_s = np.maximum(step_s, np.median(step_s))
    return angular_distance(poses.quats_xyzw[:-1], poses.quats_xyzw[1:]) > MAX_TURN_RATE * step_s


def _rounded(poses: Trajectory) -> Trajectory:
    """Interpolation between two equal poses differs in the last bit; nanometres are noise."""
    return Trajectory(poses.stamps_ns, np.round(poses.positions, 9), np.round(poses.quats_xyzw, 9))


def _jump_rows(stream: PoseStream) -> np.ndarray:
    """Rows of the trusted poses after which a jump, or a stretch between two jumps, begins."""
    poses = stream.trusted
    if not stream.jump_count():
        return np.zeros(0, int)
    between_ns = poses.stamps_ns[:-1] + np.maximum(np.diff(poses.stamps_ns) // 2, 1)
    return np.flatnonzero(stream.faults(between_ns) != "")


def _place(sequence: Sequence, what: str, stamps_ns: np.ndarray) -> str:
    if not len(stamps_ns):
        return ""
    number_at = {frame.stamp_ns: frame.number for frame in sequence.frames}
    numbers = [number_at[int(stamp_ns)] for stamp_ns in stamps_ns]
    shown = ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
    return f"{sequence.name}: {what}: frames {shown}"

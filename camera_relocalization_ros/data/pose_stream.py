# SPDX-License-Identifier: BSD-3-Clause
"""Which poses of a recorded stream can be trusted, and why the others cannot; knows nothing of where they came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.trajectory import Trajectory

OUTSIDE, GAP = "outside the pose stream", "gap in the pose stream"
STALE, JUMP = "stale pose", "jump in the pose stream"
# a stream that moved at least this often is tracked; one that moved less is an object that somebody put elsewhere
TRACKED_STEPS = 20
# a stretch between two jumps is the wrong one of the two when it is shorter than this
SHORT_STRETCH_S = 1.0


@dataclass(frozen=True)
class StreamLimits:
    """Longest time between two poses (s), highest speed (m/s) and turn rate (rad/s) of what is tracked.

    The defaults: an M100 flies up to 22 m/s, and DJI discourages gimbal rates above 400 deg/s.
    """

    max_gap_s: float = 0.1
    max_speed: float = 22.0
    max_turn_rate: float = float(np.radians(400.0))


class PoseStream:
    """A stream of poses as it was recorded, and what is wrong with any stamp in it.

    A frozen tracker repeats its last pose to the last digit, which noise never does. So repeats are taken out, of
    streams whose position is tracked: `trusted` has what is left. Joints and fixed objects may repeat themselves.
    """

    def __init__(self, recorded: Trajectory, limits: StreamLimits) -> None:
        self.recorded = recorded
        self.limits = limits
        moved = np.any(np.diff(recorded.positions, axis=0) != 0, axis=1)
        self.is_tracked = int(moved.sum()) >= TRACKED_STEPS
        is_new = _first_of_repeats(recorded) if self.is_tracked else np.ones(len(recorded), bool)
        self.trusted = recorded.select(is_new)
        self._bad_steps = self._find_jumps() if self.is_tracked else np.zeros(len(self.trusted) - 1, bool)
        self._pose_faults, self._step_faults = self._find_faults(is_new)

    def faults(self, stamps_ns: np.ndarray) -> np.ndarray:
        """Why there is no trustworthy pose at each stamp (N,) of int64; "" where there is one."""
        after = np.searchsorted(self.recorded.stamps_ns, stamps_ns)
        is_hit = self.recorded.stamps_ns[np.minimum(after, len(self.recorded) - 1)] == stamps_ns
        return np.where(is_hit, self._pose_faults[after], self._step_faults[after])

    def jump_count(self) -> int:
        """Steps between two poses that nothing that is tracked can make."""
        return int(self._bad_steps.sum())

    def _find_faults(self, is_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Faults of the recorded poses (N + 1,) and of the time before each (N + 1,), the last one after the end."""
        max_gap_ns = self.limits.max_gap_s * 1e9
        # step k of the trusted poses begins at pose k; the one after the last pose never ends
        width_ns = np.append(np.diff(self.trusted.stamps_ns), 0 if is_new[-1] else np.iinfo(np.int64).max)
        bad = np.append(self._bad_steps, False)
        origin = np.cumsum(is_new) - 1  # the trusted pose that each recorded one is, or repeats
        later = np.where(bad, JUMP, np.where(width_ns > max_gap_ns, STALE, "")).astype(object)[origin]
        steps = later.copy()
        steps[:-1][np.diff(self.recorded.stamps_ns) > max_gap_ns] = GAP
        # a pose itself needs no step, so it is bad only when it has a bad one on both sides
        alone = (bad & np.concatenate([[False], bad[:-1]]))[origin]
        poses = np.where(is_new, np.where(alone, JUMP, ""), later)
        return np.append(poses, OUTSIDE), np.concatenate([[OUTSIDE], steps[:-1], [OUTSIDE]])

    def _find_jumps(self) -> np.ndarray:
        """Steps (N - 1,) that are jumps, or lie in a short stretch between jumps."""
        poses = self.trusted
        step_s = np.diff(poses.stamps_ns) * 1e-9
        # stamps of arrival jitter: two poses may lie closer in time than they were measured
        step_s = np.maximum(step_s, np.median(step_s)) if len(step_s) else step_s
        distance = np.linalg.norm(np.diff(poses.positions, axis=0), axis=1)
        angle = angular_distance(poses.quats_xyzw[:-1], poses.quats_xyzw[1:])
        jumps = (distance > self.limits.max_speed * step_s) | (angle > self.limits.max_turn_rate * step_s)
        return jumps | self._short_stretches(jumps)

    def _short_stretches(self, jumps: np.ndarray) -> np.ndarray:
        at = np.flatnonzero(jumps)
        short = np.zeros(len(jumps), bool)
        for first, last in zip(at, at[1:]):  # poses first + 1 to last lie between the two jumps
            if self.trusted.stamps_ns[last] - self.trusted.stamps_ns[first + 1] < SHORT_STRETCH_S * 1e9:
                short[first : last + 1] = True
        return short


def _first_of_repeats(poses: Trajectory) -> np.ndarray:
    """Mask (N,) of the poses that differ from the one before."""
    rows = np.column_stack([poses.positions, poses.quats_xyzw])
    return np.concatenate([[True], np.any(rows[1:] != rows[:-1], axis=1)])

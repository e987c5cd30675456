# SPDX-License-Identifier: BSD-3-Clause
"""Whether poses err by one and the same motion: then estimates and truth are of different frames of one name.

Motion capture whose body was defined anew, a map of another session, another structure from motion: names stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.pose import Pose, Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, length_text, pose_errors

# fewer poses have a motion in common by chance
MIN_POSES = 20
# of the errors, and of what the truth itself varies by, no more may be left: noise and bias of a network leave more
LEFT_SHARE = 0.25
# each pose of some makes one motion that is tried, on some of them: the best is that of most
CANDIDATES, TRIED_ON = 50, 500
# lengths that differ by less are the same
SAME_SCALE = 1.02


@dataclass(frozen=True)
class CommonMotion:
    """How one frame is to be moved so that estimates are as the truth, and median errors before and after.

    Of the parent: truth = scale * R estimate + t, with `motion` R and t; of the child: truth = estimate @ motion.
    """

    is_parent: bool
    motion: Pose
    scale: float
    before: tuple[float, float]
    left: tuple[float, float]

    def text(self, is_metric: bool = True) -> str:
        """Such as "1.04 m and 0.2 deg", with the factor of lengths if there is one."""
        turn_deg = float(np.degrees(self.motion.rotation.magnitude()))
        lengths = f", lengths times {self.scale:.3g}" if self.scale != 1.0 else ""
        return f"{length_text(float(np.linalg.norm(self.motion.position)), is_metric)} and {turn_deg:.1f} deg{lengths}"


def common_motion(estimates: Poses, truth: Poses, limit_m: float, limit_deg: float) -> CommonMotion | None:
    """The one motion of a frame that explains the errors (N,) of most poses; None where there is none, or no need.

    Where half of the poses are within the limits there is no need. Each pose alone tells the motion; that which leaves
    the least median error of all is taken, as in least median of squares (Rousseeuw 1984).
    """
    if len(truth) < MIN_POSES:
        return None

    def size(errors: PoseErrors) -> float:
        return float(np.median(np.maximum(errors.position_m / limit_m, errors.orientation_deg / limit_deg)))

    before = pose_errors(estimates, truth)
    if size(before) <= 1.0:
        return None
    rows = _some(len(truth), TRIED_ON)
    tried = list(_candidates(estimates[rows], truth[rows]))
    sizes = [size(pose_errors(moved(estimates[rows], *one), truth[rows])) for one in tried]
    is_parent, motion, scale = tried[int(np.argmin(sizes))]
    after = pose_errors(moved(estimates, is_parent, motion, scale), truth)
    # of a camera that stays where it is any two poses have a motion in common
    least = min(size(before), size(pose_errors(_constant(truth), truth)))
    if size(after) > LEFT_SHARE * least:
        return None
    return CommonMotion(is_parent, motion, scale, _medians(before), _medians(after))


def moved(estimates: Poses, is_parent: bool, motion: Pose, scale: float) -> Poses:
    """Estimates by which the motion's frame is where that of the truth is; scale: of lengths in the parent."""
    if not is_parent:
        return estimates @ motion
    positions = scale * motion.rotation.apply(estimates.positions) + motion.position
    return Poses(positions, (motion.rotation * estimates.rotations).as_quat())


def _candidates(estimates: Poses, truth: Poses) -> Iterator[tuple[bool, Pose, float]]:
    """Motions as `moved` takes them: of the child, and of the parent with lengths kept, and as a pair has them."""
    for row in _some(len(truth), CANDIDATES):
        yield False, estimates[row].inverse @ truth[row], 1.0
        turn = truth[row].rotation * estimates[row].rotation.inv()
        other = (row + len(truth) // 2) % len(truth)
        for scale in {1.0, _scale(estimates.positions[[row, other]], truth.positions[[row, other]])}:
            shift = truth.positions[row] - scale * turn.apply(estimates.positions[row])
            yield True, Pose(shift, turn.as_quat()), scale


def _scale(ends: np.ndarray, true_ends: np.ndarray) -> float:
    """By how much the true distance of two places (2, 3) is longer; 1 where it hardly is, or one is none."""
    length, true_length = (float(np.linalg.norm(pair[1] - pair[0])) for pair in (ends, true_ends))
    if not length or not true_length or max(length, true_length) < SAME_SCALE * min(length, true_length):
        return 1.0
    return true_length / length


def _constant(truth: Poses) -> Poses:
    """The same pose for all: in their middle."""
    middle = np.median(truth.positions, axis=0)
    turn = Rotation.from_quat(truth.quats_xyzw).mean().as_quat()
    return Poses(np.tile(middle, (len(truth), 1)), np.tile(turn, (len(truth), 1)))


def _some(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _medians(errors: PoseErrors) -> tuple[float, float]:
    return float(np.median(errors.position_m)), float(np.median(errors.orientation_deg))

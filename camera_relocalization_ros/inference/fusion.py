# SPDX-License-Identifier: BSD-3-Clause
"""Which of two answers to publish, the regressed pose or the refined one; docs/refinement.md explains the rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.inference.refinement import Refinement
from camera_relocalization_ros.inference.refinement_errors import pose_difference
from camera_relocalization_ros.inference.relocalizer import Estimate


@dataclass(frozen=True)
class FusionRule:
    """When a refined pose is trusted: it rests on enough landmarks, these fix it, and it agrees with the regression.

    allowed_share: of right pairs of answers that differ no more than their covariances say; where the regression has
    no covariance they may differ by far_m and far_rad.
    """

    least_inliers: int = 12
    most_sd_m: float = 0.05
    most_sd_rad: float = 0.035
    allowed_share: float = 0.999
    far_m: float = 2.0
    far_rad: float = 0.8


@dataclass(frozen=True)
class FusedPose:
    """What to publish, as in Estimate; stage is "refined" or "regression", refusal why it is not "refined"."""

    position: np.ndarray
    quat_xyzw: np.ndarray
    covariance: np.ndarray | None
    stage: str
    state: State
    reason: str
    refusal: str = ""


def fuse(estimate: Estimate, refinement: Refinement, rule: FusionRule = FusionRule()) -> FusedPose:
    """The refined pose, OK, where it can be trusted; else the regressed one, which then is DEGRADED or LOST.

    A regressed pose alone is never OK: where there is a map, OK says centimetres.
    """
    refusal = why_refused(estimate, refinement, rule)
    if not refusal:
        pose = refinement.position, refinement.quat_xyzw, refinement.covariance
        return FusedPose(*pose, "refined", State.OK, "")
    pose = estimate.position, estimate.quat_xyzw, estimate.covariance
    if estimate.state is State.LOST:
        return FusedPose(*pose, "regression", State.LOST, estimate.reason, refusal)
    return FusedPose(*pose, "regression", State.DEGRADED, f"not refined: {refusal}", refusal)


def why_refused(estimate: Estimate, refinement: Refinement, rule: FusionRule) -> str:
    """Why the refined pose cannot be trusted; empty when it can."""
    if not refinement.found:
        return f"no pose fits {refinement.matches} matches"
    if refinement.inliers < rule.least_inliers:
        return f"{refinement.inliers} landmarks; {rule.least_inliers} are needed"
    sd_m, sd_rad = (np.sqrt(np.linalg.eigvalsh(refinement.covariance[s, s])[-1]) for s in (slice(3), slice(3, 6)))
    if sd_m > rule.most_sd_m or sd_rad > rule.most_sd_rad:
        return f"its standard deviation is {sd_m:.3f} m and {np.degrees(sd_rad):.1f} deg"
    return _disagreement(estimate, refinement, rule)


def _disagreement(estimate: Estimate, refinement: Refinement, rule: FusionRule) -> str:
    truth = refinement.position, refinement.quat_xyzw
    if estimate.covariance is None:
        distance_m = np.linalg.norm(estimate.position - refinement.position)
        angle_rad = angular_distance(estimate.quat_xyzw, refinement.quat_xyzw)
        far = distance_m > rule.far_m or angle_rad > rule.far_rad
        return f"{distance_m:.2f} m and {np.degrees(angle_rad):.0f} deg from the regressed pose" if far else ""
    difference = pose_difference(estimate.position, estimate.quat_xyzw, *truth)
    squared = difference @ np.linalg.solve(estimate.covariance + refinement.covariance, difference)
    limit = chi2.ppf(rule.allowed_share, 6)
    return f"{np.sqrt(squared / limit):.1f} times as far from the regressed pose as allowed" if squared > limit else ""

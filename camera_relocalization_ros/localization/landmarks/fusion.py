# SPDX-License-Identifier: BSD-3-Clause
"""Which answer to publish, the regressed pose or the one from landmarks; docs/refinement.md explains the rule."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

import numpy as np

from camera_relocalization_ros.core.chi_square import chi_square_quantile
from camera_relocalization_ros.core.geometry import angular_distance, canonical_quat, pose_difference
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.pose_refiner import Refinement


@dataclass(frozen=True)
class FusionRule:
    """When a refined pose is trusted: it rests on enough landmarks, these fix it, and it agrees with the regression.

    least_found: landmarks that a search among all must agree on, and more than would by chance, by chance_sd standard
    deviations of that number; least_followed: those that were followed were found by more before, and chance has no
    part in them. allowed_share: of right pairs of answers that would differ no more than their covariances say, were
    errors Gaussian; tail: so many times as far they may differ, for a regression that errs may err by far. Where it has
    no covariance they may differ by far_m and far_rad.
    """

    least_found: int = 20
    chance_sd: float = 2.0
    least_followed: int = 12
    most_sd_m: float = 0.05
    most_sd_rad: float = 0.035
    allowed_share: float = 0.999
    tail: float = 2.0
    far_m: float = 2.0
    far_rad: float = 0.8


class RefusalKind(enum.Enum):
    """Why a pose from landmarks is not trusted."""

    FEW = "few"
    UNCERTAIN = "uncertain"
    DISAGREES = "disagrees"


@dataclass(frozen=True)
class Refusal:
    """The kind, and the same in words with numbers."""

    kind: RefusalKind
    told: str


def fuse(estimate: Estimate, refinement: Refinement, refusal: Refusal | None, stage: Stage = Stage.REFINED) -> Estimate:
    """The pose from landmarks, OK, unless `why_refused` has a refusal; else the regressed one, DEGRADED or LOST."""
    if refusal is not None:
        return regression_alone(estimate, refusal.told)
    return replace(
        estimate,
        position=refinement.position,
        quat_xyzw=canonical_quat(refinement.quat_xyzw),
        covariance=refinement.covariance,
        stage=stage,
        state=State.OK,
        reason="",
    )


def regression_alone(estimate: Estimate, why: str) -> Estimate:
    """The regressed pose where a map gave none, and why: never OK, for with a map OK says centimetres."""
    if estimate.state is State.LOST:
        return estimate
    return replace(estimate, state=State.DEGRADED, reason=f"not refined: {why}")


def refined_alone(estimate: Estimate, refinement: Refinement) -> Estimate:
    """The pose from landmarks whatever it is worth; of no numbers and LOST where there is none."""
    told = (State.OK, "") if refinement.found else (State.LOST, f"no pose fits {refinement.matches} matches")
    return replace(
        estimate,
        position=refinement.position,
        quat_xyzw=refinement.quat_xyzw,
        covariance=refinement.covariance,
        stage=Stage.REFINED,
        state=told[0],
        reason=told[1],
    )


def why_refused(
    estimate: Estimate, refinement: Refinement, stage: Stage = Stage.REFINED, rule: FusionRule = FusionRule()
) -> Refusal | None:
    """Why the pose by landmarks of a stage cannot be trusted; None when it can."""
    found = len(refinement.landmarks)
    needed = rule.least_followed if stage is Stage.TRACKED else rule.least_found
    if not refinement.found:
        return Refusal(RefusalKind.FEW, f"no pose fits {refinement.matches} matches")
    if found < needed:
        return Refusal(RefusalKind.FEW, f"{found} landmarks; {needed} are needed")
    by_chance = refinement.by_chance
    if found <= by_chance + rule.chance_sd * np.sqrt(by_chance):
        return Refusal(RefusalKind.FEW, f"{found} landmarks, of which {by_chance:.0f} may agree by chance")
    sd_m, sd_rad = (np.sqrt(np.linalg.eigvalsh(refinement.covariance[s, s])[-1]) for s in (slice(3), slice(3, 6)))
    if sd_m > rule.most_sd_m or sd_rad > rule.most_sd_rad:
        told = f"its standard deviation is {sd_m:.3f} m and {np.degrees(sd_rad):.1f} deg"
        return Refusal(RefusalKind.UNCERTAIN, told)
    told = _disagreement(estimate, refinement, rule)
    return Refusal(RefusalKind.DISAGREES, told) if told else None


def _disagreement(estimate: Estimate, refinement: Refinement, rule: FusionRule) -> str:
    """How far beyond both uncertainties the two poses differ; empty when they do not."""
    truth = refinement.position, refinement.quat_xyzw
    if estimate.covariance is None:
        distance_m = np.linalg.norm(estimate.position - refinement.position)
        angle_rad = angular_distance(estimate.quat_xyzw, refinement.quat_xyzw)
        far = distance_m > rule.far_m or angle_rad > rule.far_rad
        return f"{distance_m:.2f} m and {np.degrees(angle_rad):.0f} deg from the regressed pose" if far else ""
    difference = pose_difference(estimate.position, estimate.quat_xyzw, *truth)
    squared = difference @ np.linalg.solve(estimate.covariance + refinement.covariance, difference)
    limit = rule.tail**2 * chi_square_quantile(rule.allowed_share, 6)
    return f"{np.sqrt(squared / limit):.1f} times as far from the regressed pose as allowed" if squared > limit else ""

# SPDX-License-Identifier: BSD-3-Clause
"""Whether a pose from landmarks is accepted; docs/refinement.md explains the rule."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

import numpy as np

from camera_relocalization_ros.core.chi_square import chi_square_quantile
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import pose_residual
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.refinement import Refinement


@dataclass(frozen=True)
class GateSettings:
    """When a refined pose is accepted: it rests on enough landmarks, these fix it, and a second sign agrees.

    That is the regression, or what its landmarks say by themselves: `alone` orders of magnitude against chance (see
    `evidence`) and as many more as the regression speaks against the pose. Its errors are distributed as Student's t of
    `freedom` degrees, but of errors rarer than one in 10^most_against no calibration knows, nor where there is none.

    least_found: landmarks that a search among all must agree on, and more than would by chance, by chance_sd standard
    deviations of that number and least_support orders of magnitude; least_tracked: those that were tracked were found
    by more before, and chance has no part in them. Of those tracked from the image before that should be in this one
    least_share must agree, and to most_noise_px, for flow slips off its points little by little. allowed_share: of
    right pairs of poses that would differ no more than their covariances say, were errors Gaussian; tail: so many times
    as far they may differ, for a regression that errs may err by far. Where it has no covariance they may differ by
    far_m and far_rad. unit: that of lengths, where it is no metre.
    """

    least_found: int = 20
    chance_sd: float = 2.0
    least_support: float = 4.0
    least_tracked: int = 12
    least_share: float = 0.5
    most_noise_px: float = 1.5
    most_sd_m: float = 0.05
    most_sd_rad: float = 0.035
    allowed_share: float = 0.999
    tail: float = 2.0
    far_m: float = 2.0
    far_rad: float = 0.8
    alone: float = 8.0
    freedom: float = 4.0
    most_against: float = 4.0
    unit: str = "m"

    def in_units(self, metre: float) -> GateSettings:
        """The same for poses in units of which `metre` are taken for one; 1: they are metres."""
        if metre == 1:
            return self
        return replace(self, most_sd_m=self.most_sd_m * metre, far_m=self.far_m * metre, unit="units")

    def is_certain(self, covariance: np.ndarray) -> bool:
        """Whether a pose of this covariance (6, 6) would be certain enough."""
        sd_m, sd_rad = _worst_deviations(covariance)
        return sd_m <= self.most_sd_m and sd_rad <= self.most_sd_rad


class RejectionReason(enum.Enum):
    """Why a pose from landmarks is not accepted; the values are the kinds of msg/RejectionCount.msg."""

    FEW = "few"
    UNCERTAIN = "uncertain"
    DISAGREES = "disagrees"


@dataclass(frozen=True)
class GateDecision:
    """`reason` is None for a pose that is accepted; `description` is the same in words with numbers.

    denies_camera: the picture is not one by the camera's intrinsics, so that what is tracked in it says nothing either.
    contests: what was found contradicts what is tracked, so that either may be wrong.
    """

    reason: RejectionReason | None = None
    description: str = ""
    denies_camera: bool = False
    contests: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether the pose may be published."""
        return self.reason is None


ACCEPTED = GateDecision()


def gate(
    regression: Estimate,
    refinement: Refinement,
    stage: Stage = Stage.REFINED,
    settings: GateSettings = GateSettings(),
) -> GateDecision:
    """Whether to accept the pose that landmarks gave at a stage, REFINED or TRACKED, beside the regressed one."""
    found = len(refinement.landmarks)
    needed = settings.least_tracked if stage is Stage.TRACKED else settings.least_found
    if not refinement.found:
        return GateDecision(RejectionReason.FEW, f"no pose fits {refinement.matches} matches")
    if refinement.is_mirrored:
        return GateDecision(RejectionReason.DISAGREES, "landmarks say that the picture is a mirror image")
    if found < needed:
        return GateDecision(RejectionReason.FEW, f"{found} landmarks; {needed} are needed")
    if stage is Stage.TRACKED and refinement.share < settings.least_share:
        description = f"{refinement.share:.0%} of the tracked landmarks agree; {settings.least_share:.0%} are needed"
        return GateDecision(RejectionReason.FEW, description)
    if stage is Stage.TRACKED and refinement.noise_px > settings.most_noise_px:
        return GateDecision(RejectionReason.UNCERTAIN, f"tracked landmarks agree to {refinement.noise_px:.1f} px only")
    against = _orders_against(regression, refinement, settings)
    is_alone = refinement.evidence >= settings.alone + against
    by_chance = refinement.by_chance
    is_chance = found <= by_chance + settings.chance_sd * np.sqrt(by_chance)
    if not is_alone and (is_chance or refinement.support < settings.least_support):
        description = f"{found} landmarks, of which {by_chance:.0f} may agree by chance"
        return GateDecision(RejectionReason.FEW, description)
    if not settings.is_certain(refinement.covariance):
        sd_m, sd_rad = _worst_deviations(refinement.covariance)
        description = f"its standard deviation is {sd_m:.3f} {settings.unit} and {np.degrees(sd_rad):.1f} deg"
        return GateDecision(RejectionReason.UNCERTAIN, description)
    disagreement = "" if is_alone else _disagreement(regression, refinement, settings)
    return GateDecision(RejectionReason.DISAGREES, disagreement) if disagreement else ACCEPTED


def _worst_deviations(covariance: np.ndarray) -> tuple[float, float]:
    """Of position and of orientation, along the longest axis each."""
    sd_m, sd_rad = (float(np.sqrt(np.linalg.eigvalsh(covariance[s, s])[-1])) for s in (slice(3), slice(3, 6)))
    return sd_m, sd_rad


def _orders_against(regression: Estimate, refinement: Refinement, settings: GateSettings) -> float:
    """By how many orders of magnitude the regression is unlikelier, were the pose right, than were it the regressed."""
    if regression.covariance is None:
        return settings.most_against if _disagreement(regression, refinement, settings) else 0.0
    squared = _squared_distance(regression, refinement)
    return min(float((settings.freedom + 6) / 2 * np.log10(1 + squared / settings.freedom)), settings.most_against)


def _squared_distance(regression: Estimate, refinement: Refinement) -> float:
    """Of the two poses, in units of both covariances, of which the regression's must be known."""
    difference = pose_residual(regression.pose, refinement.pose)
    return float(difference @ np.linalg.solve(regression.covariance + refinement.covariance, difference))


def _disagreement(regression: Estimate, refinement: Refinement, settings: GateSettings) -> str:
    """How far beyond both uncertainties the two poses differ; empty when they do not."""
    if regression.covariance is None:
        distance_m = np.linalg.norm(regression.position - refinement.position)
        angle_rad = angular_distance(regression.quat_xyzw, refinement.quat_xyzw)
        is_far = distance_m > settings.far_m or angle_rad > settings.far_rad
        found = f"{distance_m:.2f} {settings.unit} and {np.degrees(angle_rad):.0f} deg from the regressed pose"
        return found if is_far else ""
    squared = _squared_distance(regression, refinement)
    limit = settings.tail**2 * chi_square_quantile(settings.allowed_share, 6)
    return f"{np.sqrt(squared / limit):.1f} times as far from the regressed pose as allowed" if squared > limit else ""

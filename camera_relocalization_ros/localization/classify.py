# SPDX-License-Identifier: BSD-3-Clause
"""The one rule that makes a state of what is known about an estimate; docs/uncertainty.md explains it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Mapping

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import ErrorCalibration
from camera_relocalization_ros.bundle.stage_calibration import (
    AS_MADE,
    StageCalibration,
    floor_of,
    reach_of,
    stage_of,
    widened_of,
)
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate

NOT_CALIBRATED = "not calibrated"


@dataclass(frozen=True)
class OkLimits:
    """What a pilot asks of OK: that with CONFIDENCE both errors are no larger than this, in metres and radians.

    unit: of the position where it is another.
    """

    position_m: float = 0.10
    orientation_rad: float = math.radians(3.0)
    unit: str = "m"

    def __post_init__(self) -> None:
        """Raises ConfigError that names the limit."""
        for name in ("position_m", "orientation_rad"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ConfigError(f"limit {name} of OK is {value!r}; expected a number above 0")

    @classmethod
    def from_degrees(cls, position_m: float, orientation_deg: float) -> OkLimits:
        """Those of a command or a parameter; raises ConfigError."""
        return cls(position_m, math.radians(orientation_deg))

    def in_units(self, metre: float) -> OkLimits:
        """The same for poses in units of which `metre` are taken for one; 1: they are metres."""
        return self if metre == 1 else replace(self, position_m=self.position_m * metre, unit="units")

    def __str__(self) -> str:
        return f"{self.position_m:g} {self.unit} and {math.degrees(self.orientation_rad):.3g} deg"


@dataclass(frozen=True)
class OkContract:
    """Which poses of a bundle are OK: those that promise the limits, by a calibration on data not trained on."""

    calibration: ErrorCalibration | None
    limits: OkLimits = OkLimits()

    def settle(self, estimate: Estimate) -> Estimate:
        """The estimate as it is published; call it once, on what the stages made.

        Where nothing else spoke against OK and it cannot promise the limits, DEGRADED and why. Ellipsoids of poses by
        landmarks are made to hold what those of their kind should have held where the bundle was calibrated.
        """
        reason = self._broken(estimate) if estimate.state is State.OK else ""
        if reason:
            estimate = replace(estimate, state=State.DEGRADED, reason=reason)
        times = widened_of(self._stages, self._kind(estimate))
        if estimate.covariance is None or estimate.stage is Stage.REGRESSION or times == AS_MADE:
            return estimate
        times_6 = np.repeat(times, 3)
        return replace(estimate, covariance=estimate.covariance * np.outer(times_6, times_6))

    def promised(self, estimate: Estimate) -> tuple[float, float] | None:
        """Metres and radians that both errors stay below with CONFIDENCE, of an estimate before `settle`; None where
        nothing can be promised.
        """
        if estimate.covariance is None:
            return None
        kind = self._kind(estimate)
        longest = (np.linalg.eigvalsh(estimate.covariance[part, part])[-1] for part in (slice(3), slice(3, 6)))
        position_m, orientation_rad = (
            times * math.sqrt(value + least**2)
            for times, value, least in zip(reach_of(self._stages, kind), longest, floor_of(self._stages, kind))
        )
        # no two orientations are further apart than half a turn
        return position_m, min(orientation_rad, math.pi)

    @property
    def _stages(self) -> Mapping[str, StageCalibration]:
        return {} if self.calibration is None else self.calibration.stages

    def _kind(self, estimate: Estimate) -> str:
        is_confirmed = estimate.is_confirmed or (self.calibration is not None and self.calibration.has_one_reach)
        return stage_of(estimate.stage, estimate.landmarks, is_confirmed)

    def _broken(self, estimate: Estimate) -> str:
        """What the limits are missed by, "" when they are promised."""
        known, is_by_landmarks = self.calibration, estimate.stage is not Stage.REGRESSION
        if known is not None and is_by_landmarks and not known.is_enough(estimate.evidence, estimate.is_confirmed):
            found = f"{estimate.evidence:.0f} orders of magnitude speak against chance"
            needed = f"{known.needed_evidence(estimate.is_confirmed):.0f} are needed"
            return f"{found}; {needed}, for with less some poses of this map were wrong or less exact than they say"
        promised = self.promised(estimate)
        if promised is None:
            return NOT_CALIBRATED
        position_m, orientation_rad = promised
        if position_m <= self.limits.position_m and orientation_rad <= self.limits.orientation_rad:
            return ""
        promise = f"{position_m:.3g} {self.limits.unit} and {math.degrees(orientation_rad):.3g} deg"
        return f"promises {promise}; OK is {self.limits}"


def classify_state(
    calibration: ErrorCalibration | None,
    indicators: Mapping[str, float],
    score: float,
    window_length: int,
    wanted_length: int,
) -> tuple[State, str]:
    """State of a regressed pose and why it is not OK, before `OkContract.settle`; the first of these that applies:

    LOST when the score is below lost_below; DEGRADED when it is below degraded_below, or when it was made of fewer
    images than the window has.
    """
    if calibration is not None:
        for state, limit in ((State.LOST, calibration.lost_below), (State.DEGRADED, calibration.degraded_below)):
            # NaN is lost too
            if not score >= limit:
                name = calibration.most_unusual(indicators)
                return state, f"score {score:.1e} is below {limit:g}; most unusual is {name} {indicators[name]:.3g}"
    if window_length < wanted_length:
        return State.DEGRADED, f"seen in {window_length} of {wanted_length} images"
    return State.OK, ""

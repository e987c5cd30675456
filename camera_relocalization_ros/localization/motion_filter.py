# SPDX-License-Identifier: BSD-3-Clause
"""Smooths estimates in the order of their stamps, and calls those LOST that no camera can have moved to.

What it does on a flight, and why the errors of a network are no white noise, is written down in docs/node.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from camera_relocalization_ros.core.chi_square import chi_square_quantile
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.pose_track import Measured, Motion, PoseTrack, at_least


@dataclass(frozen=True)
class FilterSettings:
    """What MotionFilter does; `smooths` and `gates` are independent, and with neither it changes nothing.

    An estimate is an outlier when a camera of `motion` would be as far off with a chance below `gate_chance`;
    `reinitialise_after` outliers in a row that agree with each other are believed, and after an outlier `recover_after`
    estimates must pass before one is OK. `sigma_m`, `sigma_rad` stand in for a missing covariance. Everything is
    forgotten when stamps do not advance or jump by more than `max_gap_s`.
    """

    smooths: bool = True
    gates: bool = True
    gate_chance: float = 0.001
    reinitialise_after: int = 5
    recover_after: int = 3
    sigma_m: float = 0.25
    sigma_rad: float = 0.1
    max_gap_s: float = 1.0
    motion: Motion = field(
        default_factory=lambda: Motion(acceleration=1.0, angular_acceleration=1.0, speed=1.0, turn_rate=1.0)
    )

    def __post_init__(self) -> None:
        """Raises ConfigError that names the setting."""
        positive = {name: getattr(self, name) for name in ("sigma_m", "sigma_rad", "max_gap_s")}
        for name, value in {**positive, **vars(self.motion)}.items():
            _check(name, value, 0 < value < math.inf, "a number above 0")
        _check("gate_chance", self.gate_chance, 0 < self.gate_chance < 1, "between 0 and 1")
        for name in ("reinitialise_after", "recover_after"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")


class MotionFilter:
    """Follows one camera; not thread-safe."""

    def __init__(self, settings: FilterSettings) -> None:
        self.settings = settings
        self._limit = float(chi_square_quantile(1.0 - settings.gate_chance, 6))
        self._stand_in = np.diag(np.repeat([settings.sigma_m, settings.sigma_rad], 3) ** 2)
        self.reset()

    def reset(self) -> None:
        """Forget the camera."""
        self._track: PoseTrack | None = None
        # outliers that agree with each other, and how many they are
        self._rival: PoseTrack | None = None
        self._rivals = 0
        # estimates that still have to pass before one is OK
        self._probation = 0
        self._last_ns: int | None = None
        # what was believed last
        self._newest: Measured | None = None

    def update(self, estimate: Estimate) -> Estimate:
        """The estimate, smoothed; LOST when it is an outlier, and DEGRADED while the filter is not sure again."""
        if not (self.settings.smooths or self.settings.gates):
            return estimate
        self._reset_after_jump(estimate.stamp_ns)
        if estimate.state == State.LOST:
            self._probation = self.settings.recover_after
            return estimate
        measured = self._measured(estimate)
        if self._track is None or (self._rival is None and self._is_old(self._track, measured.stamp_ns)):
            self._track = PoseTrack(measured, self.settings.motion)
            return self._accepted(estimate, measured, self._track)
        self._track.predict(measured.stamp_ns)
        squared = self._track.distance_squared(measured)
        if self.settings.gates and (squared > self._limit or self._is_old(self._track, measured.stamp_ns)):
            if not self._believes_rival(measured):
                return self._rejected(estimate, squared)
        else:
            self._track.correct(measured)
        return self._accepted(estimate, measured, self._track)

    def predict(self, stamp_ns: int) -> Measured | None:
        """Where the camera is at a later stamp, and how surely; None while it is not followed.

        The covariance (6, 6) is at least that of the newest estimate, and grows from there on.
        """
        if self._track is None or self._newest is None or stamp_ns < self._track.stamp_ns:
            return None
        return self._track.predicted(stamp_ns, self._newest.covariance)

    def _reset_after_jump(self, stamp_ns: int) -> None:
        if self._last_ns is not None and not 0 < stamp_ns - self._last_ns <= self.settings.max_gap_s * 1e9:
            self.reset()
        self._last_ns = stamp_ns

    def _is_old(self, track: PoseTrack, stamp_ns: int) -> bool:
        return stamp_ns - track.corrected_ns > self.settings.max_gap_s * 1e9

    def _measured(self, estimate: Estimate) -> Measured:
        covariance = self._stand_in if estimate.covariance is None else estimate.covariance
        return Measured(estimate.stamp_ns, estimate.pose, covariance)

    def _believes_rival(self, measured: Measured) -> bool:
        """Whether this outlier agrees with those before it, and they are enough; the track starts anew then."""
        if self._rival is not None:
            self._rival.predict(measured.stamp_ns)
        if self._rival is None or self._rival.distance_squared(measured) > self._limit:
            self._rival, self._rivals = PoseTrack(measured, self.settings.motion), 1
        else:
            self._rival.correct(measured)
            self._rivals += 1
        if self._rivals < self.settings.reinitialise_after:
            return False
        self._track = self._rival
        self._probation = self.settings.recover_after
        return True

    def _rejected(self, estimate: Estimate, squared: float) -> Estimate:
        self._probation = self.settings.recover_after
        reason = (
            f"rejected by the gate: {math.sqrt(squared):.1f} deviations from where the camera can be, "
            f"allowed are {math.sqrt(self._limit):.1f}"
        )
        return replace(estimate, state=State.LOST, reason=reason)

    def _accepted(self, estimate: Estimate, measured: Measured, track: PoseTrack) -> Estimate:
        self._rival, self._rivals, self._newest = None, 0, measured
        if self.settings.smooths:
            estimate = self._smoothed(estimate, measured, track)
        if not self.settings.gates or self._probation == 0:
            return estimate
        self._probation -= 1
        if self._probation == 0 or estimate.state == State.DEGRADED:
            return estimate
        reason = f"after being LOST, {self._probation} more must agree"
        return replace(estimate, state=State.DEGRADED, reason=reason)

    def _smoothed(self, estimate: Estimate, measured: Measured, track: PoseTrack) -> Estimate:
        covariance = None
        if estimate.covariance is not None:
            # errors are alike for a second and more: they do not average out, and a Kalman filter that takes them for
            # white noise is wrong to believe that they do
            covariance = at_least(track.pose_covariance, measured.covariance)
        return replace(estimate, pose=track.pose.canonical, covariance=covariance)


def _check(name: str, found: float, fits: bool, expected: str) -> None:
    if not fits:
        raise ConfigError(f"filter setting {name} is {found!r}; expected {expected}")

# SPDX-License-Identifier: BSD-3-Clause
"""The one rule that makes a state of what is known about an estimate; docs/uncertainty.md explains it."""

from __future__ import annotations

from typing import Mapping

from camera_relocalization_ros.bundle.error_calibration import ErrorCalibration
from camera_relocalization_ros.core.state import State


def classify_state(
    calibration: ErrorCalibration | None,
    indicators: Mapping[str, float],
    score: float,
    window_length: int,
    wanted_length: int,
) -> tuple[State, str]:
    """State of an estimate and why it is not OK; the first of these that applies:

    LOST when the score is below lost_below; DEGRADED when it is below degraded_below, or when it was made of fewer
    images than the window has. Without a calibration only the window decides.
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

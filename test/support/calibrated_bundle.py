# SPDX-License-Identifier: BSD-3-Clause
"""The colour bundle with a calibration whose covariances and scores are known."""

from __future__ import annotations

import shutil
from pathlib import Path

from colour_bundle import COLOUR_BUNDLE

from camera_relocalization_ros.bundle.error_calibration import (
    SCALE_INDICATORS,
    SCORE_LEVELS,
    ErrorCalibration,
    IndicatorRange,
)
from camera_relocalization_ros.bundle.indicators import INDICATORS
from camera_relocalization_ros.bundle.model_bundle import load_bundle, replace_error_calibration

SIGMA_M, SIGMA_RAD = 1.0, 0.5
LOST_BELOW, DEGRADED_BELOW = 0.0, 0.0


def calibration() -> ErrorCalibration:
    """Standard deviations SIGMA_M along each axis and SIGMA_RAD about it; no score is below a threshold."""
    variances = [SIGMA_M**2] * 3 + [SIGMA_RAD**2] * 3
    no_weights = (0.0,) * (1 + len(SCALE_INDICATORS))
    return ErrorCalibration(
        frames=1,
        data=(),
        indicators={name: IndicatorRange(mean=-5.0, sd=2.0, low=-7.0, high=0.0) for name in INDICATORS},
        position_scale=no_weights,
        orientation_scale=no_weights,
        shape=tuple(tuple(float(row == column) * variances[row] for column in range(6)) for row in range(6)),
        nonconformity_quantiles=tuple(0.1 * k for k in range(len(SCORE_LEVELS))),
        nonconformity_tail=1.0,
        degraded_below=DEGRADED_BELOW,
        lost_below=LOST_BELOW,
        out_of_distribution_count=0,
        wanted_false_accept=0.05,
        false_accept=0.0,
        coverage={kind: {"0.5": 0.5, "0.9": 0.9, "0.95": 0.95} for kind in ("position", "orientation")},
    )


def write_calibrated_bundle(path: Path) -> Path:
    """Write the bundle folder; returns it."""
    shutil.copytree(COLOUR_BUNDLE, path)
    replace_error_calibration(load_bundle(path), calibration())
    return path

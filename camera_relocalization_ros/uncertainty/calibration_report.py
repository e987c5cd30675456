# SPDX-License-Identifier: BSD-3-Clause
"""What a calibration found, as plain text."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import (
    LEVELS,
    SCALE_INDICATORS,
    SCORE_INDICATORS,
    ErrorCalibration,
)
from camera_relocalization_ros.bundle.stage_calibration import STAGES, floor_of, reach_of, widened_of
from camera_relocalization_ros.evaluation.rejection_table import rejection_table
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.uncertainty.calibration_fit import FITTED_LEVEL, Fit


def calibration_report(fit: Fit, blocks: np.ndarray, out_of_distribution: Mapping[str, np.ndarray]) -> str:
    """Coverage of blocks left out (`blocks` (n,): that of each sample), indicators, thresholds and rejections."""
    calibration = fit.calibration
    lines = [
        f"calibrated on {calibration.frames} frames in {len(np.unique(blocks))} blocks, each judged by the others:",
        coverage_table(fit.inside, blocks),
        "",
        indicators_table(calibration),
        "",
        f"score below {calibration.degraded_below:.3g}: DEGRADED; below {calibration.lost_below:.3g}: LOST",
        rejection_table(calibration, fit.scores, out_of_distribution),
    ]
    lines += ["", stages_table(calibration)]
    for is_confirmed, searches in ((False, "one search alone"), (True, "two searches that agree")):
        needed = calibration.needed_evidence(is_confirmed)
        if needed:
            lines.append(
                f"landmarks of {searches}: OK are poses by {needed:.0f} orders of magnitude against chance and more; "
                "some with less were wrong, or err so far beyond their deviations that fewer would be OK with them"
            )
    if calibration.false_accept > calibration.wanted_false_accept:
        lines.append(
            f"NOT REACHED: {calibration.false_accept:.1%} of these other images are called OK; "
            f"{calibration.wanted_false_accept:.1%} were wanted, but more good images would be rejected than allowed"
        )
    return "\n".join(lines)


def coverage_table(inside: np.ndarray, blocks: np.ndarray) -> str:
    """Share of truths in the ellipsoids of LEVELS: of inside (n, 2, levels), and least and most of a block."""
    fitted = LEVELS.index(FITTED_LEVEL)
    lines = [
        f"{'truth inside of':<24}"
        + "".join(f"{level:>8.0%}" for level in LEVELS)
        + f"{f'{FITTED_LEVEL:.0%} of a block':>24}"
    ]
    by_block = np.array([inside[blocks == block].mean(axis=0) for block in np.unique(blocks)])
    for number, kind in enumerate(("position", "orientation")):
        shares = "".join(f"{share:>8.1%}" for share in inside[:, number].mean(axis=0))
        low, high = by_block[:, number, fitted].min(), by_block[:, number, fitted].max()
        lines.append(f"{kind:<24}{shares}{f'{low:.1%} to {high:.1%}':>24}")
    return "\n".join(lines)


def stages_table(calibration: ErrorCalibration) -> str:
    """By stage, which deviations are OK by default, how much wider they are published, and of how many poses."""
    lines = [
        f"{'OK: stage':<24}{'poses':>8}{'reach':>14}{'ellipsoids':>14}   OK up to deviations of (for {OkLimits()})"
    ]
    for stage in STAGES:
        known = calibration.stages.get(stage)
        reach, floor = reach_of(calibration.stages, stage), floor_of(calibration.stages, stage)
        allowed = OkLimits().position_m, np.degrees(OkLimits().orientation_rad)
        added = floor[0], np.degrees(floor[1])
        position_m, orientation_deg = (
            np.sqrt(max((limit / times) ** 2 - least**2, 0.0)) for limit, times, least in zip(allowed, reach, added)
        )
        wide = "x {:.2f}, {:.2f}".format(*widened_of(calibration.stages, stage))
        count = "too few" if known is None else str(known.frames)
        limits = f"{100 * position_m:.2f} cm, {orientation_deg:.2f} deg"
        lines.append(f"{stage:<24}{count:>8}{f'{reach[0]:.1f}, {reach[1]:.1f}':>14}{wide:>14}   {limits}")
    return "\n".join(lines)


def indicators_table(calibration: ErrorCalibration) -> str:
    """What is usual of each indicator, and what it is used for."""
    lines = [f"{'indicator':<24}{'usual':>10}{'unusual above':>15}   used for"]
    for name, indicator in calibration.indicators.items():
        uses = [use for use, names in (("covariance", SCALE_INDICATORS), ("score", SCORE_INDICATORS)) if name in names]
        lines.append(f"{name:<24}{np.exp(indicator.mean):>10.4f}{np.exp(indicator.high):>15.4f}   {', '.join(uses)}")
    return "\n".join(lines)

# SPDX-License-Identifier: BSD-3-Clause
"""How well scores tell in-distribution images from others: shares, the area under the ROC curve, a table."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import ErrorCalibration

# shares of good images that are kept, at which the table says how many others pass
KEPT_SHARES = (0.99, 0.98, 0.95, 0.9)


def area_under_roc(good: np.ndarray, bad: np.ndarray) -> float:
    """Chance that a good score is above a bad one, ties counting half: 1 is perfect, 0.5 is blind."""
    # those of scipy.stats.rankdata, whose import takes half a second
    _, place, counts = np.unique(np.concatenate([good, bad]), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[: len(good)].sum() / len(good) - (len(good) + 1) / 2) / len(bad))


def accepted_at(good: np.ndarray, bad: np.ndarray, kept: float) -> float:
    """Share of bad scores at or above the score that `kept` of the good ones reach."""
    return float((bad >= np.quantile(good, 1.0 - kept, method="lower")).mean())


def rejection_table(
    calibration: ErrorCalibration, in_distribution: np.ndarray, out_of_distribution: Mapping[str, np.ndarray]
) -> str:
    """What the thresholds do to scores of in-distribution images and, by kind, of others; and the ROC between them."""
    lines = [f"{'images':<24}{'count':>7}{'DEGRADED or LOST':>18}{'LOST':>8}"]
    for name, scores in {"of the scene": in_distribution, **out_of_distribution}.items():
        shares = [float((scores < limit).mean()) for limit in (calibration.degraded_below, calibration.lost_below)]
        lines.append(f"{name[-23:]:<24}{len(scores):>7}{shares[0]:>18.1%}{shares[1]:>8.1%}")
    every = np.concatenate(list(out_of_distribution.values()))
    points = ", ".join(f"{kept:.0%} {accepted_at(in_distribution, every, kept):.1%}" for kept in KEPT_SHARES)
    lines.append(
        f"ROC, good kept and others accepted: {points}; area under it {area_under_roc(in_distribution, every):.4f}"
    )
    return "\n".join(lines)

# SPDX-License-Identifier: BSD-3-Clause
"""How large a regressor's errors are in this flight, as landmarks show them; docs/uncertainty.md has what it is worth.

Errors of one flight are alike: where the views are strange to the network they are two or three times what its
calibration says, and where they are common half of that. Nothing in a single image tells which.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from camera_relocalization_ros.core.chi_square import squared_distance
from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.localization.estimate import Estimate

# the calibration alone weighs as much as so many seconds of images; what was seen so long ago weighs 1 / e
PRIOR_S, MEMORY_S = 0.5, 5.0
# a gap between images weighs no more than this
LONGEST_S = 0.5
# squared Mahalanobis distances of three numbers that are usual where the 90 % ellipsoid holds 90 % of heavy-tailed
# errors, and the most that one image counts for, in these: a gross error says little of the others
USUAL, MOST = 2.4, 9.0


class RegressionErrors:
    """Squares of the errors of position and of orientation (2,), in what the calibration expects, of one stream."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Believe the calibration again."""
        self._weight_s = 0.0
        self._weighted = np.zeros(2)
        self._last_ns: int | None = None

    @property
    def factors(self) -> np.ndarray:
        """By how much (2,) the variances of position and of orientation differ from the calibration's."""
        factors: np.ndarray = (PRIOR_S + self._weighted) / (PRIOR_S + self._weight_s)
        return factors

    def add(self, regression: Estimate, truth: Pose) -> None:
        """Look at the regression of an image whose pose landmarks gave."""
        if regression.covariance is None:
            return
        gap_s = 0.0 if self._last_ns is None else max((regression.stamp_ns - self._last_ns) * 1e-9, 0.0)
        self._last_ns = regression.stamp_ns
        error, covariance = pose_residual(regression.pose, truth), regression.covariance
        squares = [squared_distance(error[s], covariance[s, s]) for s in (slice(3), slice(3, 6))]
        kept, weight_s = np.exp(-gap_s / MEMORY_S), min(gap_s, LONGEST_S)
        self._weighted = kept * self._weighted + weight_s * np.minimum(np.array(squares) / USUAL, MOST)
        self._weight_s = kept * self._weight_s + weight_s

    def applied(self, regression: Estimate) -> Estimate:
        """The estimate with the covariance that errors have in this flight."""
        if regression.covariance is None:
            return regression
        roots = np.repeat(np.sqrt(self.factors), 3)
        return replace(regression, covariance=regression.covariance * np.outer(roots, roots))

# SPDX-License-Identifier: BSD-3-Clause
"""Squared errors in units of their covariance, and the chi-square distribution that they have.

Without scipy.stats, whose import delays the start of the node.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaincinv


def chi_square_quantile(probability: Any, degrees_of_freedom: Any) -> Any:
    """What a sum of squares of so many standard normal variables stays below with this probability, 0 to 1.

    Numbers or arrays that broadcast; the inverse of the regularised lower incomplete gamma function.
    """
    return 2.0 * gammaincinv(0.5 * degrees_of_freedom, probability)


def squared_distance(errors: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distances (...,) of errors (..., d) with covariances (..., d, d), or one (d, d) for all.

    Of Gaussian errors it is chi-square with d degrees of freedom. Raises LinAlgError for a singular covariance.
    """
    solved = np.linalg.solve(covariances, errors[..., None])[..., 0]
    squares: np.ndarray = np.einsum("...i,...i->...", errors, solved)
    return squares

# SPDX-License-Identifier: BSD-3-Clause
"""Quantiles of the chi-square distribution, without scipy.stats, whose import delays the start of the node."""

from __future__ import annotations

from typing import Any

from scipy.special import gammaincinv


def chi_square_quantile(probability: Any, degrees_of_freedom: Any) -> Any:
    """What a sum of squares of so many standard normal variables stays below with this probability, 0 to 1.

    Numbers or arrays that broadcast; the inverse of the regularised lower incomplete gamma function.
    """
    return 2.0 * gammaincinv(0.5 * degrees_of_freedom, probability)

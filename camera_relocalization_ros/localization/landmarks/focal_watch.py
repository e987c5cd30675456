# SPDX-License-Identifier: BSD-3-Clause
"""Whether pictures are by the focal length that camera_info has, as landmarks say: a cropped one is not."""

from __future__ import annotations

import math

# of logarithms of focal lengths: what is tolerated beside a map's reach; half of both is content again
TOLERATED = 0.02


def deviations_off(log_scale: float, deviation: float) -> float:
    """By how many standard deviations a focal length differs beyond what is tolerated anyway, see `pnp.focal_scale`."""
    return max(abs(log_scale) - TOLERATED, 0.0) / deviation


class FocalWatch:
    """Speaks up when a search for landmarks leaves no doubt, and goes on until one agrees with camera_info again.

    Searches are not averaged: what a map errs by is the same from one image to the next. reach: how many standard
    deviations are no doubt, see `LandmarkMap`.
    """

    def __init__(self, reach: float) -> None:
        self._reach, self._is_off = reach, False

    def reset(self) -> None:
        """Forget earlier searches."""
        self._is_off = False

    def complaint(self, log_scale: float, deviation: float) -> str:
        """What is wrong by one more search, see `pnp.focal_scale`; "" when nothing is."""
        if deviations_off(log_scale, deviation) > self._reach:
            self._is_off = True
        elif 2 * abs(log_scale) < TOLERATED + self._reach * deviation:
            self._is_off = False
        if not self._is_off:
            return ""
        return (
            f"landmarks say that the focal length is {math.exp(log_scale):.2f} times that of camera_info: is the "
            "picture cropped, zoomed or stabilised?"
        )

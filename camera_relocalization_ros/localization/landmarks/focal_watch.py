# SPDX-License-Identifier: BSD-3-Clause
"""Whether pictures are by the focal length that camera_info has, as landmarks say: a cropped one is not."""

from __future__ import annotations

import math

# of logarithms of focal lengths: what is tolerated beside so many standard deviations; half of it is content again
TOLERATED, DEVIATIONS = 0.02, 4.0


class FocalWatch:
    """Speaks up when a search for landmarks leaves no doubt, and goes on until one agrees with camera_info again.

    Searches are not averaged: what a map errs by is the same from one image to the next.
    """

    def __init__(self) -> None:
        self._is_off = False

    def complaint(self, log_scale: float, deviation: float) -> str:
        """What is wrong by one more search, see `pnp.focal_scale`; "" when nothing is."""
        tolerated = TOLERATED + DEVIATIONS * deviation
        if abs(log_scale) > tolerated:
            self._is_off = True
        elif abs(log_scale) < tolerated / 2:
            self._is_off = False
        if not self._is_off:
            return ""
        return (
            f"landmarks say that the focal length is {math.exp(log_scale):.2f} times that of camera_info: is the "
            "picture cropped, zoomed or stabilised?"
        )

# SPDX-License-Identifier: BSD-3-Clause
"""Whether what is tracked has moved as no camera does, so that its landmarks say where they are no longer."""

from __future__ import annotations

import math

import numpy as np

from camera_relocalization_ros.localization.refinement import Refinement

# m/s^2, more than a drone or a hand gives a camera; standard deviations that do not count, of what poses tell
MOST_ACCELERATION, UNCERTAIN = 15.0, 4.0
# of an image before that tells the speed
LONGEST_GAP_S = 0.5


class JumpWatch:
    """Looks at one pose after the other: a picture that is cropped or shifted from one image to the next makes a jump,
    which a search of the part of the picture where landmarks are expected may not tell from a movement.

    metre: in units of the poses.
    """

    def __init__(self, metre: float) -> None:
        self._metre = metre
        self.reset()

    def reset(self) -> None:
        """Forget earlier poses."""
        # stamps, positions and their variances along the worst axis
        self._before: list[tuple[int, np.ndarray, float]] = []

    def jump(self, stamp_ns: int, found: Refinement) -> str:
        """How the camera would have jumped to a pose, "" where it can have moved there; kept for the next ones."""
        variance = float(np.linalg.eigvalsh(found.covariance[:3, :3])[-1])
        before, self._before = self._before, [*self._before[-1:], (stamp_ns, found.position, variance)]
        if len(before) < 2:
            return ""
        (first_ns, first, first_variance), (last_ns, last, last_variance) = before
        earlier_s, now_s = (last_ns - first_ns) * 1e-9, (stamp_ns - last_ns) * 1e-9
        if not (0 < earlier_s <= LONGEST_GAP_S and 0 < now_s <= LONGEST_GAP_S):
            return ""
        share = now_s / earlier_s
        off = float(np.linalg.norm(found.position - last - share * (last - first)))
        # earlier ones are taken for as uncertain at least; those of few landmarks, which new ones replaced, are more so
        first_variance, last_variance = max(first_variance, variance), max(last_variance, variance)
        deviation = math.sqrt(variance + (1 + share) ** 2 * last_variance + share**2 * first_variance)
        by_acceleration = MOST_ACCELERATION * self._metre * now_s * (now_s + earlier_s) / 2
        if off <= by_acceleration + UNCERTAIN * deviation:
            return ""
        unit = "m" if self._metre == 1 else "units"
        return f"followed landmarks jumped by {off:.2f} {unit} in {now_s:.2f} s: all are searched for again"

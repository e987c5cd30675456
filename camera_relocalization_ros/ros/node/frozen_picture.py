# SPDX-License-Identifier: BSD-3-Clause
"""Notices a driver or decoder that repeats its last pictures with new stamps: the pose would stand still in flight."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate

# a driver has so many buffers, by default of most, and may hand out one after the other when no camera fills them
BUFFERS = 4


class FrozenPicture:
    """Compares each picture with the last new ones, byte by byte: the noise of a camera makes every picture new.

    Two that differ do so in the first of their lines, so that this costs nothing; keeps the bytes of BUFFERS messages.
    """

    def __init__(self) -> None:
        self._new: deque[bytes] = deque(maxlen=BUFFERS)
        self._since_ns = 0

    def judged(self, estimate: Estimate, data: bytes, after_s: float) -> Estimate:
        """The estimate of a picture of these bytes; DEGRADED where there was no new one for so long; 0: never."""
        if estimate.stamp_ns < self._since_ns:
            self._new.clear()
        if data not in self._new:
            self._new.append(data)
            self._since_ns = estimate.stamp_ns
        frozen_s = (estimate.stamp_ns - self._since_ns) * 1e-9
        if estimate.state is not State.OK or not 0 < after_s <= frozen_s:
            return estimate
        reason = f"pictures have been the same, to the bit, for {frozen_s:.1f} s: does the camera's driver repeat them?"
        return replace(estimate, state=State.DEGRADED, reason=reason)

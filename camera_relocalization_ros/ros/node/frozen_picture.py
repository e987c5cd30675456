# SPDX-License-Identifier: BSD-3-Clause
"""Notices a driver or decoder that repeats its last picture with new stamps: the pose would stand still in flight."""

from __future__ import annotations

from dataclasses import replace

from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate


class FrozenPicture:
    """Compares each picture with the one before, byte by byte: the noise of a camera makes every picture another one.

    Two that differ do so in the first of their lines, so that this costs nothing; keeps the newest message's bytes.
    """

    def __init__(self) -> None:
        self._data = b""
        self._since_ns = 0

    def judged(self, estimate: Estimate, data: bytes, after_s: float) -> Estimate:
        """The estimate of a picture of these bytes; DEGRADED where there was no other for so long; 0: never."""
        if data != self._data or estimate.stamp_ns < self._since_ns:
            self._data, self._since_ns = data, estimate.stamp_ns
        frozen_s = (estimate.stamp_ns - self._since_ns) * 1e-9
        if estimate.state is not State.OK or not 0 < after_s <= frozen_s:
            return estimate
        reason = f"the picture has been the same, to the bit, for {frozen_s:.1f} s: does the camera's driver repeat it?"
        return replace(estimate, state=State.DEGRADED, reason=reason)

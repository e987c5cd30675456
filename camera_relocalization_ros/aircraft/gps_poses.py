# SPDX-License-Identifier: BSD-3-Clause
"""Satellite fixes, attitudes and RTK's own topics to poses in a local frame, live or from a recording."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np

from camera_relocalization_ros.aircraft.attitude import OUTSIDE, AttitudeJoin, Joined
from camera_relocalization_ros.aircraft.dji import enu_attitude
from camera_relocalization_ros.aircraft.local_frame import Fix, FixFilter, Geodetic, LocalFrame, is_fresh, rtk_yaw_quat
from camera_relocalization_ros.core.geometry import canonical_quat

ORIENTATIONS = ("attitude", "rtk_yaw", "none")
NO_TURN = (0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class GpsOptions:
    """How poses are made.

    `origin`: of the local frame, None for the first good fix. `orientation`: of the aircraft's attitude, of RTK's
    heading (roll and pitch are then zero), or "none", which leaves the axes east, north, up. `rtk_minimum`: lowest RTK
    status that is good, None for receivers without one.
    """

    origin: Optional[Geodetic] = None
    orientation: str = "attitude"
    attitude_axes: str = "enu_flu"
    max_gap_s: float = 0.1
    rtk_minimum: Optional[int] = None
    rtk_yaw_offset_deg: float = 90.0


class GpsPose(NamedTuple):
    """The receiver in the local frame: position (3,) in metres, quaternion (4,) of the body."""

    stamp_ns: int
    position: np.ndarray
    quat_xyzw: np.ndarray


class GpsPoses:
    """Fed what the aircraft sends in the order of arrival, returns poses as soon as they are known.

    `skipped` counts the fixes that gave none, by reason. `frame` is None until the origin is known.
    """

    def __init__(self, options: GpsOptions) -> None:
        self._options = options
        self._filter = FixFilter(options.rtk_minimum)
        self._join = AttitudeJoin(options.max_gap_s)
        self._rtk_yaw: tuple[int, float] | None = None
        self._own_skipped: Counter[str] = Counter()
        self.frame = LocalFrame(options.origin) if options.origin else None

    @property
    def skipped(self) -> Counter[str]:
        """Fixes without a pose, by reason; those that still wait for an attitude are not among them."""
        return self._own_skipped + self._join.refused

    def add_attitude(self, stamp_ns: int, quat_xyzw: np.ndarray) -> list[GpsPose]:
        """Take an attitude (4,) as reported; returns what it completes."""
        quat = enu_attitude(quat_xyzw, self._options.attitude_axes)[0]
        return self._poses(self._join.add_attitude(stamp_ns, quat))

    def add_rtk_status(self, received_ns: int, status: int) -> None:
        """Take an rtk_info_position."""
        self._filter.add_rtk_status(received_ns, status)

    def add_rtk_yaw(self, received_ns: int, yaw_deg: float) -> None:
        """Take an rtk_yaw."""
        self._rtk_yaw = (received_ns, yaw_deg)

    def add_fix(self, fix: Fix) -> list[GpsPose]:
        """Take a fix; returns what is complete."""
        reason = self._filter.fault(fix) or self._yaw_fault(fix)
        if reason:
            self._own_skipped[reason] += 1
            return []
        if self.frame is None:
            self.frame = LocalFrame(fix.place)
        if self._options.orientation == "attitude":
            return self._poses(self._join.add_sample(fix.stamp_ns, fix.place))
        return self._poses([Joined(fix.stamp_ns, self._quat_without_attitude(), fix.place)])

    def finish(self) -> None:
        """Count the fixes whose attitude did not come any more."""
        if self._join.waiting:
            self._own_skipped[OUTSIDE] += self._join.waiting
        self._join.forget()

    def _yaw_fault(self, fix: Fix) -> str:
        if self._options.orientation != "rtk_yaw":
            return ""
        is_known = self._rtk_yaw is not None and is_fresh(self._rtk_yaw[0], fix.received_ns)
        return "" if is_known else "RTK yaw unknown"

    def _quat_without_attitude(self) -> np.ndarray:
        if self._options.orientation == "none":
            return np.array(NO_TURN)
        assert self._rtk_yaw is not None, "a fix without a fresh yaw is skipped"
        return rtk_yaw_quat(self._rtk_yaw[1], self._options.rtk_yaw_offset_deg)

    def _poses(self, joined: list[Joined]) -> list[GpsPose]:
        if not joined:
            return []
        assert self.frame is not None, "the first fix sets it"
        positions = self.frame.enu([one.sample for one in joined])
        return [GpsPose(one.stamp_ns, p, canonical_quat(one.quat_xyzw)) for one, p in zip(joined, positions)]

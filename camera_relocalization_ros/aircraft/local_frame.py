# SPDX-License-Identifier: BSD-3-Clause
"""Satellite positions on the globe (WGS-84) to a local frame with x east, y north, z up; and which fixes to trust."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

# dji_sdk/rtk_info_position: 0 none, 16 single, 17 pseudorange, 32 to 34 float, 48 to 50 fixed
RTK_FLOAT, RTK_FIXED = 32, 48
# a status or yaw without a stamp of its own holds for this long after it came
STALE_S = 1.0


@dataclass(frozen=True)
class Geodetic:
    """A place: degrees, and metres above the ellipsoid (or above the sea, if all heights are); NaN: not known."""

    latitude_deg: float
    longitude_deg: float
    height_m: float


@dataclass(frozen=True)
class Fix:
    """One position of the receiver; `received_ns` is when it came, by the clock that statuses are received by."""

    stamp_ns: int
    received_ns: int
    place: Geodetic
    has_fix: bool = True


@dataclass(frozen=True)
class LocalFrame:
    """East, north, up around an origin."""

    origin: Geodetic

    def enu(self, places: list[Geodetic]) -> np.ndarray:
        """Positions (N, 3) in metres."""
        import pymap3d  # which loads Astropy and dateutil where they are; most recordings have no fixes

        table = np.array([(p.latitude_deg, p.longitude_deg, p.height_m) for p in places]).reshape(-1, 3)
        o = self.origin
        east_north_up = pymap3d.geodetic2enu(*table.T, o.latitude_deg, o.longitude_deg, o.height_m)
        return np.stack(east_north_up, axis=1)


class FixFilter:
    """Says of each fix in turn why it is not to be used, "" when it is.

    With `rtk_minimum`, a fix needs an RTK status of at least that, not older than STALE_S when the fix comes. A fix
    without a height is one where none is needed.
    """

    def __init__(self, rtk_minimum: int | None = None, needs_height: bool = True) -> None:
        self._needs_height = needs_height
        self._rtk_minimum = rtk_minimum
        self._status: tuple[int, int] | None = None
        self._last: Fix | None = None

    def add_rtk_status(self, received_ns: int, status: int) -> None:
        """Take the newest of dji_sdk/rtk_info_position."""
        self._status = (received_ns, status)

    def fault(self, fix: Fix) -> str:
        """Why a fix is refused."""
        reason = _unusable(fix, self._needs_height) or self._repeated(fix) or self._rtk_fault(fix)
        if not reason:
            self._last = fix
        return reason

    def _repeated(self, fix: Fix) -> str:
        if self._last is not None and fix.stamp_ns == self._last.stamp_ns:
            return "repeated stamp"
        # receivers are read faster than they measure, and no two measurements agree to the last digit
        if self._last is not None and fix.place == self._last.place:
            return "repeated position"
        return ""

    def _rtk_fault(self, fix: Fix) -> str:
        if self._rtk_minimum is None:
            return ""
        if self._status is None or not is_fresh(self._status[0], fix.received_ns):
            return "RTK status unknown"
        return "" if self._status[1] >= self._rtk_minimum else f"RTK status below {self._rtk_minimum}"


def is_fresh(received_ns: int, now_ns: int) -> bool:
    """Whether what was received may still be used; what is from the future is from before a clock went back."""
    return 0 <= now_ns - received_ns <= STALE_S * 1e9


def _unusable(fix: Fix, needs_height: bool) -> str:
    place = fix.place
    if fix.stamp_ns <= 0:
        return "no stamp"
    if not fix.has_fix:
        return "no fix"
    # DJI's driver says zero degrees, zero degrees before it knows
    is_known = place.latitude_deg != 0 or place.longitude_deg != 0
    in_range = abs(place.latitude_deg) <= 90 and abs(place.longitude_deg) <= 180  # a NaN is in none
    if not (is_known and in_range):
        return "no position"
    return "no height" if needs_height and not np.isfinite(place.height_m) else ""


def rtk_yaw_quat(rtk_yaw_deg: float, offset_deg: float = 90.0) -> np.ndarray:
    """Quaternion (4,) of the level body FLU in ENU, of dji_sdk/rtk_yaw.

    `rtk_yaw_deg` is where antenna 2 lies as seen from antenna 1, clockwise from north (NED). `offset_deg` is how far
    that direction lies clockwise of the nose: 90 when antenna 1 is on the left and antenna 2 on the right, -90 when
    they are swapped. So the nose points to rtk_yaw - offset clockwise from north, which is 90 - (rtk_yaw - offset)
    degrees anticlockwise from east: ENU's heading.
    """
    heading_enu_deg = 90.0 - (rtk_yaw_deg - offset_deg)
    quat_xyzw: np.ndarray = Rotation.from_euler("z", heading_enu_deg, degrees=True).as_quat()
    return quat_xyzw

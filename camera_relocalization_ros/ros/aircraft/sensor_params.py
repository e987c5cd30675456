# SPDX-License-Identifier: BSD-3-Clause
"""Parameters of the nodes that read the aircraft's own sensors; see config/gimbal.yaml and config/gps.yaml."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Tuple  # of fields: evaluated at run time

from camera_relocalization_ros.aircraft.dji import ATTITUDES, GimbalConvention, convention_named
from camera_relocalization_ros.aircraft.gimbal_joints import MAX_GAP_S
from camera_relocalization_ros.aircraft.gps_poses import ORIENTATIONS, GpsOptions
from camera_relocalization_ros.aircraft.local_frame import RTK_FIXED, Geodetic
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.ros.params import params_from_values


@dataclass(frozen=True)
class GimbalParams:
    """Private parameters of the node gimbal_node."""

    convention: str = "broadcast"
    max_gap: float = MAX_GAP_S

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> GimbalParams:
        """Checked parameters; raises ConfigError."""
        params = params_from_values(cls, values)
        params.gimbal_convention()
        _check_max_gap(params.max_gap)
        return params

    def gimbal_convention(self) -> GimbalConvention:
        """The convention of that name; raises ConfigError."""
        try:
            return convention_named(self.convention)
        except ConfigError as error:
            raise ConfigError(f"parameter ~convention: {error}") from error


@dataclass(frozen=True)
class GpsParams:
    """Private parameters of the node gps_node."""

    origin: Tuple[float, ...] = ()
    orientation: str = "attitude"
    attitude_axes: str = "enu_flu"
    max_gap: float = MAX_GAP_S
    rtk: bool = False
    rtk_minimum: int = RTK_FIXED
    rtk_yaw_offset: float = 90.0
    parent_frame: str = "map"
    child_frame: str = "M100/gps"
    publish_tf: bool = True

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> GpsParams:
        """Checked parameters; raises ConfigError."""
        params = params_from_values(cls, values)
        params.check()
        return params

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        for name, known in (("orientation", ORIENTATIONS), ("attitude_axes", ATTITUDES)):
            if getattr(self, name) not in known:
                value = getattr(self, name)
                raise ConfigError(f"parameter ~{name} is {value!r}; expected one of {', '.join(known)}")
        if self.origin:
            self.origin_place()
        _check_max_gap(self.max_gap)
        if not 0 <= self.rtk_minimum <= 255:
            raise ConfigError(f"parameter ~rtk_minimum is {self.rtk_minimum}; expected 0 to 255")
        if not math.isfinite(self.rtk_yaw_offset):
            raise ConfigError(f"parameter ~rtk_yaw_offset is {self.rtk_yaw_offset}; expected degrees")
        frames = self.frame_pair
        if not frames.are_two:
            raise ConfigError(
                f"~parent_frame and ~child_frame are {frames.parent!r} and {frames.child!r}; expected two frames"
            )

    @property
    def frame_pair(self) -> FramePair:
        """What the poses are between."""
        return FramePair(self.parent_frame, self.child_frame)

    def options(self) -> GpsOptions:
        """What the poses are made by."""
        return GpsOptions(
            self.origin_place(),
            self.orientation,
            self.attitude_axes,
            self.max_gap,
            self.rtk_minimum if self.rtk else None,
            self.rtk_yaw_offset,
        )

    def origin_place(self) -> Geodetic | None:
        """The given origin, None for the first good fix; raises ConfigError."""
        if not self.origin:
            return None
        is_place = len(self.origin) == 3 and all(map(math.isfinite, self.origin))
        if not is_place or abs(self.origin[0]) > 90 or abs(self.origin[1]) > 180:
            expected = "latitude, longitude in degrees and height in metres"
            raise ConfigError(f"parameter ~origin is {list(self.origin)}; expected {expected}, or nothing")
        return Geodetic(*self.origin)


def _check_max_gap(max_gap: float) -> None:
    if not max_gap > 0:
        raise ConfigError(f"parameter ~max_gap is {max_gap}; expected seconds above 0")

# SPDX-License-Identifier: BSD-3-Clause
"""The node `airframe_placement`: says in TF, once and for all, where the airframe stands.

Publishes `/tf_static`: ~child_frame (wing/base_link) in ~parent_frame (map), at the ~placement 1 to 6 of the thesis.
For an airframe that motion capture does not track: one that it does would have two parents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rospy
import tf2_ros

from camera_relocalization_ros.aircraft.placements import PLACEMENTS, T_map_airframe
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.ros.conversions import matrix_to_transform
from camera_relocalization_ros.ros.params import params_from_values, private_values
from camera_relocalization_ros.ros.run_node import run_node


@dataclass(frozen=True)
class PlacementParams:
    """Private parameters of the node airframe_placement; `placement` has no default."""

    placement: int = 0
    parent_frame: str = "map"
    child_frame: str = "wing/base_link"

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> PlacementParams:
        """Checked parameters; raises ConfigError."""
        params = params_from_values(cls, values)
        if params.placement not in PLACEMENTS:
            known = ", ".join(map(str, PLACEMENTS))
            raise ConfigError(f"parameter ~placement is {params.placement}; expected one of {known}")
        return params


def start() -> None:
    """Broadcast the airframe; raises ConfigError when parameters are bad."""
    params = PlacementParams.from_values(private_values())
    frames = (bare_frame(params.parent_frame), bare_frame(params.child_frame))
    broadcaster = tf2_ros.StaticTransformBroadcaster()
    stamp_ns = rospy.Time.now().to_nsec()
    broadcaster.sendTransform(matrix_to_transform(T_map_airframe(params.placement), stamp_ns, *frames))


def main() -> int:
    """Run the node until it is shut down; 1 when parameters are bad."""
    return run_node("airframe_placement", start)

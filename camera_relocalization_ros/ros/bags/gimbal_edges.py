# SPDX-License-Identifier: BSD-3-Clause
"""A bag's gimbal as the edges of a frame tree: what gimbal_node and robot_state_publisher would have put in TF."""

from __future__ import annotations

import logging
from typing import Tuple, Union

import numpy as np
import rosbag

from camera_relocalization_ros.aircraft.dji import convention_named
from camera_relocalization_ros.aircraft.gimbal import GimbalFrames, gimbal_frames
from camera_relocalization_ros.aircraft.gimbal_joints import MAX_GAP_S, joint_track
from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.ros.bags.aircraft_streams import read_attitude, read_gimbal
from camera_relocalization_ros.ros.bags.tf.image_clock import ImageClock

# parent, child, and the child's pose in the parent: along time, or position (3,) and quaternion (4,) for ever
GimbalEdge = Tuple[str, str, Union[Trajectory, Tuple[np.ndarray, np.ndarray]]]

logger = logging.getLogger(__name__)


def gimbal_edges(
    bag: rosbag.Bag,
    gimbal_topic: str,
    attitude_topic: str,
    convention: str,
    body_frame: str = "M100/base_link",
    prefix: str = "M100/",
    max_gap_s: float = MAX_GAP_S,
    clock: ImageClock | None = None,
) -> list[GimbalEdge]:
    """The edges from the body to the camera's optical frame: three joints along time and two that stay.

    `convention` is a name of core.dji.CONVENTIONS; `clock` is the one that the stamps must be of. Raises BagError when
    a topic is missing or the two never overlap.
    """
    named = convention_named(convention)
    gimbal, is_named = read_gimbal(bag, gimbal_topic, clock)
    angles_deg = gimbal.values if is_named else named.roll_pitch_yaw(gimbal.values)
    attitude = read_attitude(bag, attitude_topic, clock)
    track, refused = joint_track(
        (gimbal.stamps_ns, angles_deg), (attitude.stamps_ns, attitude.values), named, max_gap_s
    )
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items()))
    if not len(track.stamps_ns):
        raise BagError(f"{bag.filename}: no gimbal sample on {gimbal_topic!r} has an attitude ({counts})")
    if counts:
        logger.warning("%s: gimbal samples left out: %s", bag.filename, counts)
    return _edges(gimbal_frames(track.yaw, track.roll, track.pitch), track.stamps_ns, body_frame, prefix)


def _edges(frames: GimbalFrames, stamps_ns: np.ndarray, body_frame: str, prefix: str) -> list[GimbalEdge]:
    names = ("gimbal_yaw", "gimbal_roll", "gimbal_pitch", "camera_link", "camera_optical_frame")
    chain = [bare_frame(body_frame), *(bare_frame(f"{prefix}{name}") for name in names)]
    moving = [frames.T_body_yaw, frames.T_yaw_roll, frames.T_roll_pitch]
    poses: list[Trajectory | tuple[np.ndarray, np.ndarray]] = [
        Trajectory(stamps_ns, *position_quat(T_n44)) for T_n44 in moving
    ]
    poses += [position_quat(frames.T_pitch_link[0]), position_quat(frames.T_link_optical)]
    return list(zip(chain, chain[1:], poses))

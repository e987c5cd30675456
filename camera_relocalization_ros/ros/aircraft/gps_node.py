# SPDX-License-Identifier: BSD-3-Clause
"""The node `gps_node`: satellite fixes in, poses in a local frame out.

Subscribes `gps_position` (sensor_msgs/NavSatFix); with ~orientation attitude, `attitude` (any type with `quaternion`,
`orientation`, or DJI's `q0` to `q3`); with ~orientation rtk_yaw, `rtk_yaw` (std_msgs/Int16); with ~rtk,
`rtk_info_position` (std_msgs/UInt8). Publishes `~pose` (geometry_msgs/PoseStamped) with the stamp of the fix, and the
same in TF. What is not known in time is not published. Parameters: config/gps.yaml.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

import rospy
import tf2_ros
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import NavSatFix
from std_msgs.msg import Int16, UInt8

from camera_relocalization_ros.aircraft.gps_poses import GpsPose, GpsPoses
from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.aircraft.sensor_params import GpsParams
from camera_relocalization_ros.ros.aircraft_messages import AnyDecoder, fix_of
from camera_relocalization_ros.ros.attitude_messages import attitude_of, stamp_of
from camera_relocalization_ros.ros.params import private_values
from camera_relocalization_ros.ros.run_node import run_node

QUEUE_SIZE = 100
WARNING_PERIOD_S = 5.0


@dataclass(frozen=True)
class GpsOutputs:
    """Where poses go; `tf` is None when nothing is broadcast."""

    pose: rospy.Publisher
    tf: tf2_ros.TransformBroadcaster | None
    parent_frame: str
    child_frame: str


class GpsNode:
    """Glue between rospy and the poses; each topic has a thread of its own, so a lock guards what they share."""

    def __init__(self, poses: GpsPoses, outputs: GpsOutputs) -> None:
        self._poses = poses
        self._outputs = outputs
        self._decoder = AnyDecoder()
        self._lock = threading.Lock()
        self._warned: Counter[str] = Counter()

    def on_fix(self, message: NavSatFix) -> None:
        """Subscriber callback."""
        with self._lock:
            self._publish(self._poses.add_fix(fix_of(message, rospy.Time.now().to_nsec())))
            self._warn()

    def on_attitude(self, message: rospy.AnyMsg) -> None:
        """Subscriber callback."""
        with self._lock:
            try:
                decoded = self._decoder.message(message)
                self._publish(self._poses.add_attitude(stamp_of(decoded), attitude_of(decoded)))
            except FrameError as error:
                rospy.logwarn_throttle(WARNING_PERIOD_S, f"{rospy.resolve_name('attitude')}: {error}")

    def on_rtk_status(self, message: UInt8) -> None:
        """Subscriber callback."""
        with self._lock:
            self._poses.add_rtk_status(rospy.Time.now().to_nsec(), message.data)

    def on_rtk_yaw(self, message: Int16) -> None:
        """Subscriber callback."""
        with self._lock:
            self._poses.add_rtk_yaw(rospy.Time.now().to_nsec(), message.data)

    def _publish(self, poses: list[GpsPose]) -> None:
        out = self._outputs
        for pose in poses:
            values = (Pose(pose.position, pose.quat_xyzw), pose.stamp_ns, out.parent_frame)
            out.pose.publish(conversions.pose_to_message(*values))
            if out.tf is not None:
                out.tf.sendTransform(conversions.pose_to_transform(*values, out.child_frame))

    def _warn(self) -> None:
        """Warn of fixes that were left out; repeats are the receiver's habit, and no reason to worry."""
        skipped = Counter({name: n for name, n in self._poses.skipped.items() if not name.startswith("repeated")})
        if skipped != self._warned:
            self._warned = skipped
            counts = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
            rospy.logwarn_throttle(WARNING_PERIOD_S, f"fixes without a pose so far: {counts}")


def subscribe(params: GpsParams, node: GpsNode) -> list[rospy.Subscriber]:
    """Subscribe to what the parameters need."""
    wanted: list[tuple[str, type, Any]] = [("gps_position", NavSatFix, node.on_fix)]
    if params.orientation == "attitude":
        wanted.append(("attitude", rospy.AnyMsg, node.on_attitude))
    if params.orientation == "rtk_yaw":
        wanted.append(("rtk_yaw", Int16, node.on_rtk_yaw))
    if params.rtk:
        wanted.append(("rtk_info_position", UInt8, node.on_rtk_status))
    return [rospy.Subscriber(*one, queue_size=QUEUE_SIZE, tcp_nodelay=True) for one in wanted]


def start() -> None:
    """Subscribe; raises RelocalizationError when parameters are bad."""
    params = GpsParams.from_values(private_values())
    poses = GpsPoses(params.options())
    outputs = GpsOutputs(
        pose=rospy.Publisher("~pose", PoseStamped, queue_size=QUEUE_SIZE),
        tf=tf2_ros.TransformBroadcaster() if params.publish_tf else None,
        parent_frame=bare_frame(params.parent_frame),
        child_frame=bare_frame(params.child_frame),
    )
    subscribe(params, GpsNode(poses, outputs))


def main() -> int:
    """Run the node until it is shut down; 1 when parameters are bad."""
    return run_node("gps_node", start)

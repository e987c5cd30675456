# SPDX-License-Identifier: BSD-3-Clause
"""The node `gimbal_node`: gimbal angles and attitude in, joint states out, for robot_state_publisher.

Subscribes `gimbal_angle` (any type with `vector`, or with `roll`, `pitch` and `yaw`, in degrees) and `attitude` (any
type with `quaternion`, `orientation`, or DJI's `q0` to `q3`). Publishes `joint_states` (sensor_msgs/JointState) with
the stamp of the gimbal's message, as soon as the attitude before and after it is known. Parameters:
config/gimbal.yaml; the joints are those of urdf/m100_x3.urdf.
"""

from __future__ import annotations

import threading
from typing import Any, Callable

import rospy
from sensor_msgs.msg import JointState

from camera_relocalization_ros.aircraft.dji import GimbalConvention
from camera_relocalization_ros.aircraft.gimbal_joints import GimbalJoints, JointSample
from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.ros.aircraft.sensor_params import GimbalParams
from camera_relocalization_ros.ros.aircraft_messages import AnyDecoder, gimbal_angles_of
from camera_relocalization_ros.ros.attitude_messages import attitude_of, stamp_of
from camera_relocalization_ros.ros.conversions import stamp_from_ns
from camera_relocalization_ros.ros.params import private_values
from camera_relocalization_ros.ros.run_node import run_node

JOINT_NAMES = ("gimbal_yaw_joint", "gimbal_roll_joint", "gimbal_pitch_joint")
QUEUE_SIZE = 100
WARNING_PERIOD_S = 5.0


class GimbalNode:
    """Glue between rospy and the joints; each topic has a thread of its own, so a lock guards what they share."""

    def __init__(
        self, joints: GimbalJoints, convention: GimbalConvention, publish: Callable[[JointState], None]
    ) -> None:
        self._joints = joints
        self._convention = convention
        self._publish = publish
        self._decoder = AnyDecoder()
        self._lock = threading.Lock()

    def on_attitude(self, message: rospy.AnyMsg) -> None:
        """Subscriber callback."""
        self._take("attitude", message, lambda one: self._joints.add_attitude(stamp_of(one), attitude_of(one)))

    def on_gimbal(self, message: rospy.AnyMsg) -> None:
        """Subscriber callback."""
        self._take("gimbal_angle", message, self._add_gimbal)

    def _add_gimbal(self, message: Any) -> list[JointSample]:
        return self._joints.add_gimbal(stamp_of(message), gimbal_angles_of(message, self._convention))

    def _take(self, topic: str, message: rospy.AnyMsg, add: Callable[[Any], list[JointSample]]) -> None:
        with self._lock:
            refused = sum(self._joints.refused.values())
            try:
                samples = add(self._decoder.message(message))
            except FrameError as error:
                rospy.logwarn_throttle(WARNING_PERIOD_S, f"{rospy.resolve_name(topic)}: {error}")
                return
            for sample in samples:
                self._publish(joint_state(sample))
            if sum(self._joints.refused.values()) > refused:
                counts = ", ".join(f"{count} {reason}" for reason, count in sorted(self._joints.refused.items()))
                rospy.logwarn_throttle(WARNING_PERIOD_S, f"gimbal samples without joint angles so far: {counts}")


def joint_state(sample: JointSample) -> JointState:
    """The message for robot_state_publisher."""
    message = JointState(name=list(JOINT_NAMES), position=[sample.yaw, sample.roll, sample.pitch])
    message.header.stamp = stamp_from_ns(sample.stamp_ns)
    return message


def start() -> None:
    """Subscribe; raises ConfigError when parameters are bad."""
    params = GimbalParams.from_values(private_values())
    convention = params.gimbal_convention()
    publisher = rospy.Publisher("joint_states", JointState, queue_size=QUEUE_SIZE)
    node = GimbalNode(GimbalJoints(convention, params.max_gap), convention, publisher.publish)
    rospy.Subscriber("attitude", rospy.AnyMsg, node.on_attitude, queue_size=QUEUE_SIZE, tcp_nodelay=True)
    rospy.Subscriber("gimbal_angle", rospy.AnyMsg, node.on_gimbal, queue_size=QUEUE_SIZE, tcp_nodelay=True)


def main() -> int:
    """Run the node until it is shut down; 1 when parameters are bad."""
    return run_node("gimbal_node", start)

# SPDX-License-Identifier: BSD-3-Clause
"""How the body moves, of nav_msgs/Odometry or of an autopilot's attitude and velocity; only finite numbers count."""

from __future__ import annotations

import threading

import numpy as np
import rospy
from geometry_msgs.msg import QuaternionStamped, Vector3, Vector3Stamped
from nav_msgs.msg import Odometry
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.localization.projection import MotionHistory
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.attitude_messages import attitude_of, stamp_of
from camera_relocalization_ros.ros.params import NodeParams

WARNING_PERIOD_S = 5.0
# attitudes come 100 times a second and velocities 50 times; after a longer silence the way is not known
MAX_GAP_S = 0.2


class MotionTopics:
    """Fills `history`, under `lock`, with the motion of `body_frame`, which is "" until it is known.

    The body's frame is a parameter, or what the messages say: Odometry's child_frame_id, the attitude's frame_id.
    """

    def __init__(self, body_frame: str) -> None:
        self.history, self.lock = MotionHistory(), threading.Lock()
        self.body_frame = bare_frame(body_frame)
        self.rejected = 0
        self._velocity: tuple[int, np.ndarray] | None = None
        self._attitude: tuple[int, Rotation] | None = None

    @classmethod
    def from_params(cls, params: NodeParams) -> MotionTopics | None:
        """Subscribed to what the parameters name; None when that is nothing."""
        if not params.odometry_topic and not params.attitude_topic:
            return None
        topics = cls(params.body_frame)
        if params.odometry_topic:
            rospy.Subscriber(params.odometry_topic, Odometry, topics.on_odometry, queue_size=100, tcp_nodelay=True)
        else:
            for topic, kind, callback in (
                (params.velocity_topic, Vector3Stamped, topics.on_velocity),
                (params.attitude_topic, QuaternionStamped, topics.on_attitude),
            ):
                rospy.Subscriber(topic, kind, callback, queue_size=100, tcp_nodelay=True)
        return topics

    def on_odometry(self, message: Odometry) -> None:
        """Subscriber callback: keep a pose of the body and how it moves."""
        velocity, rate = _vector(message.twist.twist.linear), _vector(message.twist.twist.angular)
        position, quat_xyzw = conversions.pose_of(message.pose.pose)
        if not (np.isfinite([*position, *quat_xyzw, *velocity, *rate]).all() and quat_xyzw.any()):
            pose = f"position {position}, quaternion {quat_xyzw}"
            self._reject(f"odometry that is no pose: {pose}, velocity {velocity}, rate {rate}")
            return
        with self.lock:
            self.body_frame = self.body_frame or bare_frame(message.child_frame_id)
            self.history.add_pose(message.header.stamp.to_nsec(), Pose(position, quat_xyzw), velocity, rate)

    def on_velocity(self, message: Vector3Stamped) -> None:
        """Subscriber callback: keep the velocity (east, north, up) for the attitudes that come with it."""
        velocity = _vector(message.vector)
        if not np.isfinite(velocity).all():
            self._reject(f"velocity {velocity}")
            return
        with self.lock:
            self._velocity = (message.header.stamp.to_nsec(), velocity)

    def on_attitude(self, message: QuaternionStamped) -> None:
        """Subscriber callback: how the body (forward, left, up) stands in east, north, up."""
        try:
            stamp_ns, quat_xyzw = stamp_of(message), attitude_of(message)
        except FrameError as error:
            self._reject(str(error))
            return
        with self.lock:
            self.body_frame = self.body_frame or bare_frame(message.header.frame_id)
            gap_s, rate = self._turned(stamp_ns, Rotation.from_quat(quat_xyzw))
            if not 0 <= gap_s <= MAX_GAP_S:
                self.history.clear()
            if self._velocity is not None and abs(stamp_ns - self._velocity[0]) <= MAX_GAP_S * 1e9:
                self.history.add_velocity(stamp_ns, quat_xyzw, self._velocity[1], rate)
            else:
                self.history.clear()

    def _turned(self, stamp_ns: int, attitude: Rotation) -> tuple[float, np.ndarray]:
        """Seconds since the last attitude, 0 for the first, and the rate (3,) in rad/s about the body's axes since."""
        before, self._attitude = self._attitude, (stamp_ns, attitude)
        if before is None:
            return 0.0, np.zeros(3)
        gap_s = (stamp_ns - before[0]) / 1e9
        return gap_s, (before[1].inv() * attitude).as_rotvec() / gap_s if gap_s > 0 else np.zeros(3)

    def _reject(self, what: str) -> None:
        self.rejected += 1
        rospy.logwarn_throttle(WARNING_PERIOD_S, f"not taken for ~pose_now ({self.rejected} so far): {what}")


def _vector(message: Vector3) -> np.ndarray:
    return np.array([message.x, message.y, message.z])

# SPDX-License-Identifier: BSD-3-Clause
"""`~pose_now`: the estimate carried on to the time of publishing by odometry; off unless ~odometry_topic is set."""

from __future__ import annotations

import threading

import numpy as np
import rospy
import tf2_ros
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry

from camera_relocalization_ros.core.errors import SyncError
from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.inference.projection import MotionHistory, project
from camera_relocalization_ros.inference.relocalizer import Estimate
from camera_relocalization_ros.ros import conversions

WARNING_PERIOD_S = 5.0


class PoseNow:
    """Takes nav_msgs/Odometry, and from TF where `camera_frame` is on the odometry's body.

    The body's frame is the odometry's child_frame_id. A gimbal's pose at the image's stamp is looked up there; that of
    now is not known yet, and is taken to be the newest.
    """

    def __init__(self, odometry_topic: str, camera_frame: str) -> None:
        self.failures = self.refused = 0
        self._camera_frame = camera_frame.lstrip("/")
        self._body_frame = ""
        self._motion, self._lock = MotionHistory(), threading.Lock()
        self._buffer = tf2_ros.Buffer(debug=False)
        self._listener = tf2_ros.TransformListener(self._buffer)
        self._publisher = rospy.Publisher("~pose_now", PoseStamped, queue_size=10)
        rospy.Subscriber(odometry_topic, Odometry, self.on_odometry, queue_size=100, tcp_nodelay=True)

    def listeners(self) -> int:
        """Subscribers."""
        return self._publisher.get_num_connections()

    def on_odometry(self, message: Odometry) -> None:
        """Subscriber callback: keep a pose of the body and how it moves; what is no pose is counted and warned of."""
        twist = message.twist.twist
        velocity = np.array([twist.linear.x, twist.linear.y, twist.linear.z])
        rate = np.array([twist.angular.x, twist.angular.y, twist.angular.z])
        position, quat_xyzw = conversions.pose_of(message.pose.pose)
        if not (np.isfinite([*position, *quat_xyzw, *velocity, *rate]).all() and quat_xyzw.any()):
            self.refused += 1
            what = f"odometry that is no pose ({self.refused} so far): position {position}, quaternion {quat_xyzw}"
            rospy.logwarn_throttle(WARNING_PERIOD_S, f"{what}, velocity {velocity}, rate {rate}")
            return
        with self._lock:
            self._body_frame = message.child_frame_id.lstrip("/")
            self._motion.add_pose(message.header.stamp.to_nsec(), position, quat_xyzw, velocity, rate)

    def publish(self, estimate: Estimate, parent_frame: str) -> None:
        """Publish the estimate as of now; where motion or camera are not known, count and warn instead."""
        now_ns = rospy.Time.now().to_nsec()
        try:
            T_body_camera = self._T_body_camera(conversions.stamp_from_ns(estimate.stamp_ns))
            T_body_camera_now = self._T_body_camera(rospy.Time(0))
            with self._lock:
                projected = project(estimate, now_ns, self._motion, T_body_camera, T_body_camera_now)
        except (SyncError, tf2_ros.TransformException) as error:
            self.failures += 1
            rospy.logwarn_throttle(WARNING_PERIOD_S, f"no ~pose_now ({self.failures} so far): {error}")
            return
        pose = (projected.position, projected.quat_xyzw, projected.stamp_ns, parent_frame)
        self._publisher.publish(conversions.pose_to_message(*pose))

    def _T_body_camera(self, stamp: rospy.Time) -> np.ndarray:
        if not self._body_frame:
            raise SyncError("no odometry yet")
        found = self._buffer.lookup_transform(self._body_frame, self._camera_frame, stamp)
        return pose_matrix(*conversions.transform_to_pose(found))

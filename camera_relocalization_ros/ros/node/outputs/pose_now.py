# SPDX-License-Identifier: BSD-3-Clause
"""`~pose_now`: the estimate projected to the time of publishing by how the body moved since (motion_topics)."""

from __future__ import annotations

import numpy as np
import rospy
import tf2_ros
from geometry_msgs.msg import PoseStamped

from camera_relocalization_ros.core.errors import SyncError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.projection import project
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.node.outputs.motion_topics import MotionTopics
from camera_relocalization_ros.ros.node.outputs.tf_memory import TfMemory

WARNING_PERIOD_S = 5.0


class PoseNow:
    """Takes motion of a body, and from TF where `camera_frame` is on it.

    A gimbal's pose at the image's stamp is looked up there; that of now is not known yet, and is taken to be the
    newest.
    """

    def __init__(self, motion: MotionTopics, camera_frame: str) -> None:
        self.failures = 0
        self._motion = motion
        self._camera_frame = bare_frame(camera_frame)
        self._tf = TfMemory()
        self._publisher = rospy.Publisher("~pose_now", PoseStamped, queue_size=10)

    def listeners(self) -> int:
        """Subscribers."""
        return int(self._publisher.get_num_connections())

    def publish(self, estimate: Estimate, parent_frame: str) -> None:
        """Publish the estimate as of now; where motion or camera are not known, count and warn instead."""
        now_ns = rospy.Time.now().to_nsec()
        try:
            T_body_camera = self._T_body_camera(conversions.stamp_from_ns(estimate.stamp_ns))
            T_body_camera_now = self._T_body_camera(rospy.Time(0))
            with self._motion.lock:
                projected = project(estimate, now_ns, self._motion.history, T_body_camera, T_body_camera_now)
        except (SyncError, tf2_ros.TransformException) as error:
            self.failures += 1
            rospy.logwarn_throttle(WARNING_PERIOD_S, f"no ~pose_now ({self.failures} so far): {error}")
            return
        self._publisher.publish(conversions.pose_to_message(projected.pose, projected.stamp_ns, parent_frame))

    def _T_body_camera(self, stamp: rospy.Time) -> np.ndarray:
        if not self._motion.body_frame:
            raise SyncError("no odometry or attitude yet")
        pose = self._tf.pose(self._motion.body_frame, self._camera_frame, stamp)
        return pose_matrix(pose.position, pose.quat_xyzw)

# SPDX-License-Identifier: BSD-3-Clause
"""Listens to a live relocalizer: its poses and what it says of itself."""

from __future__ import annotations

import time

import numpy as np
import rospy
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.errors import ReplayError
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.msg import RelocalizerStatus
from camera_relocalization_ros.ros.conversions import message_to_pose


class ReplayRecorder:
    """Subscribes to the topics of one relocalizer; callbacks only append, so the other methods need no lock."""

    def __init__(self) -> None:
        self.statuses: list[RelocalizerStatus] = []
        self.covariances: dict[int, np.ndarray] = {}
        self._poses: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._subscribers: list[rospy.Subscriber] = []
        self._images_handled = 0
        self._all_have_covariance = self._landmarks_have_covariance = False
        self.last_heard_s = time.monotonic()

    def subscribe(self, node: str, bundle: Bundle) -> None:
        """Listen to `node`/pose and `node`/status, and to covariances where the model `bundle` tells them."""
        self._subscribers = [
            rospy.Subscriber(f"{node}/pose", PoseStamped, self.on_pose, queue_size=1000),
            rospy.Subscriber(f"{node}/status", RelocalizerStatus, self.on_status, queue_size=1000),
        ]
        self._all_have_covariance = bundle.sidecar.error_calibration is not None
        self._landmarks_have_covariance = bundle.landmark_map is not None
        if bundle.has_covariance:
            topic, kind = f"{node}/pose_with_covariance", PoseWithCovarianceStamped
            self._subscribers.append(rospy.Subscriber(topic, kind, self.on_covariance, queue_size=1000))

    def is_connected(self) -> bool:
        """Whether the node is ready: it has said so, and its poses will be heard."""
        return bool(self.statuses) and all(s.get_num_connections() for s in self._subscribers)

    @property
    def images_handled(self) -> int:
        """Images that the node has said something of."""
        return self._images_handled

    def on_pose(self, message: PoseStamped) -> None:
        """Keep a pose by its stamp."""
        position, quat_xyzw, stamp_ns = message_to_pose(message)
        self._poses[stamp_ns] = (position, quat_xyzw)
        self.last_heard_s = time.monotonic()

    def on_covariance(self, message: PoseWithCovarianceStamped) -> None:
        """Keep a covariance (6, 6) by its stamp."""
        self.covariances[message.header.stamp.to_nsec()] = np.reshape(message.pose.covariance, (6, 6))

    def on_status(self, message: RelocalizerStatus) -> None:
        """Keep a status."""
        self.statuses.append(message)
        if message.state not in (RelocalizerStatus.WARMING_UP, RelocalizerStatus.STALE):
            self._images_handled += 1
            self.last_heard_s = time.monotonic()

    def has_all_until(self, stamp_ns: int) -> bool:
        """Whether the node is through with the image of this stamp, and all its poses and covariances were heard."""
        last = self.statuses[-1] if self.statuses else RelocalizerStatus()
        if not self.handled(stamp_ns) or len(self._poses) < last.frames_answered:
            return False
        return len(self.covariances) >= sum(map(self._has_covariance, self.statuses))

    def _has_covariance(self, status: RelocalizerStatus) -> bool:
        """Whether the pose that a status tells of came with a covariance."""
        by_landmarks = self._landmarks_have_covariance and status.stage != RelocalizerStatus.REGRESSION
        return bool(status.window_length) and (self._all_have_covariance or by_landmarks)

    def handled(self, stamp_ns: int) -> bool:
        """Whether the node answered or rejected the image of this stamp."""
        return any(status.header.stamp.to_nsec() == stamp_ns for status in self.statuses[-3:])

    def estimates(self) -> Trajectory:
        """All poses heard; raises ReplayError when there are none."""
        if not self._poses:
            reasons = {status.reason for status in self.statuses if status.reason} or {"it received none"}
            raise ReplayError(f"the node answered no image: {'; '.join(sorted(reasons)[:3])}")
        return self.newest(len(self._poses))

    def newest(self, count: int) -> Trajectory:
        """Of the poses heard those with the newest stamps, `count` at most; it may be empty."""
        # a copy in one step, for callbacks may add to it meanwhile
        poses = dict(self._poses)
        stamps_ns = sorted(poses)[-count:]
        positions, quats = ([poses[stamp_ns][part] for stamp_ns in stamps_ns] for part in (0, 1))
        return Trajectory(np.array(stamps_ns), np.array(positions), np.array(quats))

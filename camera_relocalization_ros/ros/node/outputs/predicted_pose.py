# SPDX-License-Identifier: BSD-3-Clause
"""Poses at a fixed rate: the newest one carried on to now by a motion filter, until it is too old or LOST."""

from __future__ import annotations

import threading
from dataclasses import replace

import rospy
from geometry_msgs.msg import PoseWithCovarianceStamped
from rospy.timer import TimerEvent

from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.motion_filter import FilterSettings, MotionFilter
from camera_relocalization_ros.ros.fault_isolation import FaultIsolation
from camera_relocalization_ros.ros.node.outputs.pose_topics import pose_message


class PredictedPose:
    """A topic of PoseWithCovarianceStamped in frame_id, `rate_hz` a second in ROS time, with the stamp of now.

    It ends max_prediction_s after the stamp of the newest estimate. is_running: whether it published last time.
    epoch: how often it was reset; what takes its time is to be of the present one when it is through.
    """

    def __init__(
        self, topic: str, frame_id: str, rate_hz: float, max_prediction_s: float, faults: FaultIsolation
    ) -> None:
        self.is_running, self.epoch = False, 0
        self._topic, self._frame_id, self._faults = topic, frame_id, faults
        self._max_prediction_ns = round(max_prediction_s * 1e9)
        # what comes here has passed the gates already
        self._filter = MotionFilter(FilterSettings(smooths=True, gates=False))
        self._newest: Estimate | None = None
        self._published_ns = 0
        self._lock = threading.Lock()
        self._publisher = rospy.Publisher(topic, PoseWithCovarianceStamped, queue_size=10)
        self._timer = rospy.Timer(rospy.Duration.from_sec(1.0 / rate_hz), self._tick, reset=True)

    def listeners(self) -> int:
        """Subscribers."""
        return int(self._publisher.get_num_connections())

    def update(self, estimate: Estimate, epoch: int | None = None) -> None:
        """Go on from this estimate; one without a covariance, or of an `epoch` that has ended, is left out."""
        with self._lock:
            if estimate.covariance is not None and epoch in (None, self.epoch):
                self._newest = self._filter.update(estimate)

    def reset(self) -> None:
        """End at once: an image was LOST, or time or model are others. The next estimate begins anew."""
        with self._lock:
            self.epoch += 1
            self._filter.reset()
            self._newest = None

    def predict(self, now_ns: int) -> Estimate | None:
        """The pose of a later stamp, None where there is none to go on from, or no longer."""
        with self._lock:
            newest = self._newest
            if newest is None or not 0 <= now_ns - newest.stamp_ns <= self._max_prediction_ns:
                return None
            ahead = self._filter.predict(now_ns)
        if ahead is None:
            return None
        return replace(newest, stamp_ns=now_ns, pose=ahead.pose.canonical, covariance=ahead.covariance)

    def _tick(self, _event: TimerEvent) -> None:
        with self._faults.isolated(self._topic):
            now_ns = rospy.Time.now().to_nsec()
            predicted = self.predict(now_ns)
            self.is_running = predicted is not None
            # simulated time may stand still
            if predicted is not None and now_ns != self._published_ns:
                self._published_ns = now_ns
                self._publisher.publish(pose_message(predicted, self._frame_id))

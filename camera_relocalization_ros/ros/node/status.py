# SPDX-License-Identifier: BSD-3-Clause
"""Counts what became of the images, and publishes it on `~status`."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import replace
from typing import Any, Mapping

import rospy
from std_msgs.msg import Header

from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.msg import RejectionCount, RelocalizerStatus
from camera_relocalization_ros.ros.conversions import stamp_from_ns
from camera_relocalization_ros.ros.node.newest_frame import NewestFrame

UNKNOWN = float("nan")
# what diagnostics look back on: some seconds of a camera
RECENT = 100
# by so much an image may be ahead of the clock: what good clocks differ by, and the steps of a simulated one
MAX_AHEAD_S = 0.1
# and by so much where one late step of a simulated clock must not cost a pose its state
MAX_AHEAD_SIMULATED_S = 1.0


class NodeStatus:
    """Counters and their topic; `last` is what was published last, `recent` are the newest about images with a pose."""

    def __init__(self, newest: NewestFrame) -> None:
        self.localized = self.lost = self.skipped = 0
        self.rejected: Counter[str] = Counter()
        self.last = RelocalizerStatus()
        self.recent: deque[RelocalizerStatus] = deque(maxlen=RECENT)
        self.published_s = 0.0
        self._newest = newest
        # latched, so that who comes late still learns the state
        self._publisher = rospy.Publisher("~status", RelocalizerStatus, queue_size=10, latch=True)

    def publish(self, state: State, header: Header, **values: Any) -> None:
        """Publish the counters, the state and other fields of RelocalizerStatus, with the header of an image if any."""
        unknown = ("inference_time", "latency", "age", "score", "search_duration", "landmarks_age", "landmarks_share")
        status = RelocalizerStatus(state=state, **dict.fromkeys(unknown, UNKNOWN))
        status.header.stamp, status.header.frame_id = header.stamp, header.frame_id
        status.frames_seen, status.frames_dropped = self._newest.seen, self._newest.dropped
        status.frames_answered, status.frames_lost, status.frames_skipped = self.localized, self.lost, self.skipped
        status.frames_rejected = sum(self.rejected.values())
        status.rejected = rejection_counts(self.rejected)
        for name, value in values.items():
            setattr(status, name, value)
        self._publisher.publish(status)
        self.last, self.published_s = status, time.monotonic()
        if status.window_length:
            self.recent.append(status)


def rejection_counts(counts: Mapping[str, int]) -> list[RejectionCount]:
    """Counts by kind as messages."""
    return [RejectionCount(kind, count) for kind, count in sorted(counts.items())]


def age_s(header: Header) -> float:
    """Seconds from the stamp to now, in ROS time."""
    return float((rospy.Time.now() - header.stamp).to_sec())


def in_time(estimate: Estimate, now: rospy.Time, is_simulated: bool) -> Estimate:
    """The estimate; DEGRADED, with the reason, where its stamp cannot be right at `now`: TF would put it elsewhere.

    is_simulated: `now` is of a /clock, which may come after an image of a step that is just beginning.
    """
    max_ahead_s = MAX_AHEAD_SIMULATED_S if is_simulated else MAX_AHEAD_S
    complaint = clock_complaint((now - stamp_from_ns(estimate.stamp_ns)).to_sec(), now, max_ahead_s)
    if estimate.state is not State.OK or not complaint:
        return estimate
    return replace(estimate, state=State.DEGRADED, reason=complaint)


def clock_complaint(age: float, now: rospy.Time, max_ahead_s: float = MAX_AHEAD_S) -> str:
    """What is wrong with the clocks when an image had this age in seconds at `now`, "" when nothing is."""
    if now.is_zero():
        return "use_sim_time is set, and no /clock comes: ages are not known"
    if age < -max_ahead_s:
        return f"stamps of images are {-age:.1f} s ahead of this computer's ROS time: clocks differ"
    return ""

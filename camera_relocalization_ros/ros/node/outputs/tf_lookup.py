# SPDX-License-Identifier: BSD-3-Clause
"""Transforms at the stamp of an image, which TF often learns only after its pose: poses wait for them in a line."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from typing import Callable

import rospy
import tf2_ros

from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.ros.conversions import stamp_from_ns
from camera_relocalization_ros.ros.node.outputs.tf_memory import TfMemory

# how often TF is asked while a transform is waited for; a lookup takes some microseconds
POLL_S = 0.005
WARNING_PERIOD_S = 5.0
# poses that wait for TF: some seconds of a camera, after which nobody looks them up any more
MAX_WAITING = 100


class TfLookup:
    """TF as far as this node has heard of it."""

    def __init__(self) -> None:
        self._memory = TfMemory()

    def pose(self, target: str, source: str, stamp_ns: int, deadline_s: float) -> Pose:
        """T_target_source at the stamp and no other time; one frame in itself is where it is.

        deadline_s: until when it is waited for, of time.monotonic(). Raises TransformException when it is not known
        until then.
        """
        if bare_frame(target) == bare_frame(source):
            return Pose.identity()
        # tf2's own waiting is in ROS time, which stands still in a paused bag
        while True:
            try:
                return self._memory.pose(target, source, stamp_from_ns(stamp_ns))
            except tf2_ros.TransformException:
                if time.monotonic() > deadline_s or rospy.is_shutdown():
                    raise
                time.sleep(POLL_S)


class TfQueue:
    """Calls jobs one after the other, in a thread of its own, each with the deadline of its lookups.

    A job that ends with an exception is counted in `failures`, kept in `last_failure` and warned of as `what`.
    """

    def __init__(self, what: str, timeout_s: float) -> None:
        self.failures, self.last_failure = 0, ""
        self._what = what
        self._timeout_s = timeout_s
        self._waiting: queue.Queue[tuple[Callable[[float], None], float]] = queue.Queue(MAX_WAITING)

    def start(self) -> None:
        """Work from now on."""
        threading.Thread(target=self._work, name=self._what, daemon=True).start()

    def put(self, job: Callable[[float], None]) -> None:
        """Have a job called after those before; returns at once."""
        try:
            self._waiting.put_nowait((job, time.monotonic() + self._timeout_s))
        except queue.Full:
            self._fail(f"{MAX_WAITING} poses wait for TF already")

    def _work(self) -> None:
        while not rospy.is_shutdown():
            job, deadline_s = self._waiting.get()
            try:
                job(deadline_s)
            except tf2_ros.TransformException as error:
                self._fail(str(error))
            except Exception:  # this thread is the only one: it must be there for the next pose
                self._fail(traceback.format_exc())

    def _fail(self, why: str) -> None:
        self.failures, self.last_failure = self.failures + 1, why
        rospy.logwarn_throttle(WARNING_PERIOD_S, f"{self._what} ({self.failures} so far): {why}")

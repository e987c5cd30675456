# SPDX-License-Identifier: BSD-3-Clause
"""The estimate in TF: always one frame of our own, and never a second parent for a frame.

In mode camera the estimate itself is broadcast. In modes object and odom it is joined with where TF has the camera at
the image's stamp; a thread of its own waits for that.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Callable

import numpy as np
import rospy
import tf2_ros

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.geometry import invert, pose_matrix
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.ros.conversions import matrix_to_transform, stamp_from_ns, transform_to_pose
from camera_relocalization_ros.ros.node.outputs.parent_watch import ParentWatch
from camera_relocalization_ros.ros.params import NodeParams

# how often TF is asked while a transform is waited for; a lookup takes some microseconds
POLL_S = 0.005
WARNING_PERIOD_S = 5.0
# estimates that wait for TF: some seconds of a camera, after which nobody looks them up any more
MAX_WAITING = 100


@dataclass(frozen=True)
class TfFrames:
    """`child` is broadcast in `parent`; `camera` is looked up in `reference` for that, unless `reference` is ""."""

    child: str
    parent: str
    reference: str = ""
    camera: str = ""


def choose_frames(params: NodeParams, sidecar: BundleSidecar) -> TfFrames | None:
    """The frames of a mode, None for mode none; raises ConfigError when a frame would get a second parent."""
    if params.tf_mode == "none":
        return None
    camera = params.camera_frame or sidecar.child_frame
    name = params.tf_child_frame
    frames = {
        "camera": TfFrames(name or f"{sidecar.child_frame}_estimate", sidecar.parent_frame),
        "object": TfFrames(name or f"{sidecar.parent_frame}_estimate", params.fixed_frame, params.fixed_frame, camera),
        "odom": TfFrames(name or "odom", sidecar.parent_frame, name or "odom", camera),
    }[params.tf_mode]
    taken = {sidecar.parent_frame, sidecar.child_frame, frames.parent, frames.camera}
    if bare_frame(frames.child) in map(bare_frame, taken):
        raise ConfigError(f"parameter ~tf_child_frame is {frames.child!r}, a frame that is there; expected a new one")
    return frames


class TfOutput:
    """Broadcasts estimates; one that TF cannot place within `timeout_s` is counted in `failures` and warned of."""

    def __init__(self, frames: TfFrames, timeout_s: float) -> None:
        self.frames = frames
        self.failures = 0
        self._timeout_s = timeout_s
        self._waiting: queue.Queue = queue.Queue(MAX_WAITING)
        self._send: Callable[[Estimate], None] = self._wait_in_line if frames.reference else self._broadcast_camera

    def start(self) -> None:
        """Join TF."""
        self._broadcaster = tf2_ros.TransformBroadcaster()
        self.parent_watch = ParentWatch(self.frames.child)
        if self.frames.reference:
            self._buffer = tf2_ros.Buffer(debug=False)
            self._listener = tf2_ros.TransformListener(self._buffer)
            threading.Thread(target=self._work, name="tf output", daemon=True).start()

    def send(self, estimate: Estimate) -> None:
        """Broadcast an estimate now, or as soon as TF knows the camera at its stamp; returns at once.

        Nothing is broadcast while another node may broadcast the frame.
        """
        if self.parent_watch.is_free:
            self._send(estimate)

    def _broadcast_camera(self, estimate: Estimate) -> None:
        self._broadcast(_matrix(estimate), estimate.stamp_ns)

    def _wait_in_line(self, estimate: Estimate) -> None:
        try:
            self._waiting.put_nowait((estimate, time.monotonic() + self._timeout_s))
        except queue.Full:
            self._fail(f"{MAX_WAITING} poses wait for TF already")

    def _work(self) -> None:
        while not rospy.is_shutdown():
            estimate, deadline_s = self._waiting.get()
            try:
                self._place(estimate, deadline_s)
            except tf2_ros.TransformException as error:
                self._fail(str(error))
            except Exception:  # this thread is the only one: it must be there for the next pose
                self._fail(traceback.format_exc())

    def _place(self, estimate: Estimate, deadline_s: float) -> None:
        T_reference_model = self._look_up(estimate.stamp_ns, deadline_s) @ invert(_matrix(estimate))
        is_correction = self.frames.child == self.frames.reference
        self._broadcast(invert(T_reference_model) if is_correction else T_reference_model, estimate.stamp_ns)

    def _fail(self, why: str) -> None:
        self.failures += 1
        rospy.logwarn_throttle(WARNING_PERIOD_S, f"not in TF ({self.failures} so far): {why}")

    def _look_up(self, stamp_ns: int, deadline_s: float) -> np.ndarray:
        """T_reference_camera at the stamp and no other time; raises TransformException when it is not known in time."""
        # tf2's own waiting is in ROS time, which stands still in a paused bag
        while True:
            try:
                frames = (self.frames.reference, self.frames.camera)
                found = self._buffer.lookup_transform(*map(bare_frame, frames), stamp_from_ns(stamp_ns))
                return pose_matrix(*transform_to_pose(found))
            except tf2_ros.TransformException:
                if time.monotonic() > deadline_s or rospy.is_shutdown():
                    raise
                time.sleep(POLL_S)

    def _broadcast(self, T_parent_child: np.ndarray, stamp_ns: int) -> None:
        if self.parent_watch.is_free:
            frames = (self.frames.parent, self.frames.child)
            self._broadcaster.sendTransform(matrix_to_transform(T_parent_child, stamp_ns, *map(bare_frame, frames)))


def _matrix(estimate: Estimate) -> np.ndarray:
    return pose_matrix(estimate.position, estimate.quat_xyzw)

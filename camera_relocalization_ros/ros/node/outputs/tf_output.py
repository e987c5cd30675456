# SPDX-License-Identifier: BSD-3-Clause
"""The estimate in TF: always one frame of our own, and never a second parent for a frame.

In mode camera the estimate itself is broadcast. In modes object and odom it is joined with where TF has the camera at
the image's stamp; a thread of its own waits for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import tf2_ros

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.ros.conversions import pose_to_transform
from camera_relocalization_ros.ros.node.outputs.parent_watch import ParentWatch
from camera_relocalization_ros.ros.node.outputs.tf_lookup import TfLookup, TfQueue
from camera_relocalization_ros.ros.params import NodeParams


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
        self._queue = TfQueue("not in TF", timeout_s)

    @property
    def failures(self) -> int:
        """Estimates that were not broadcast."""
        return self._queue.failures

    def start(self) -> None:
        """Join TF."""
        self._broadcaster = tf2_ros.TransformBroadcaster()
        self.parent_watch = ParentWatch(self.frames.child)
        if self.frames.reference:
            self._tf = TfLookup()
            self._queue.start()

    def send(self, estimate: Estimate) -> None:
        """Broadcast an estimate now, or as soon as TF knows the camera at its stamp; returns at once.

        Nothing is broadcast while another node may broadcast the frame.
        """
        if not self.parent_watch.is_free:
            return
        if self.frames.reference:
            self._queue.put(partial(self._place, estimate))
        else:
            self._broadcast(estimate.pose, estimate.stamp_ns)

    def _place(self, estimate: Estimate, deadline_s: float) -> None:
        frames = self.frames
        T_reference_camera = self._tf.pose(frames.reference, frames.camera, estimate.stamp_ns, deadline_s)
        T_reference_model = T_reference_camera @ estimate.pose.inverse
        is_correction = frames.child == frames.reference
        self._broadcast(T_reference_model.inverse if is_correction else T_reference_model, estimate.stamp_ns)

    def _broadcast(self, T_parent_child: Pose, stamp_ns: int) -> None:
        if self.parent_watch.is_free:
            frames = (self.frames.parent, self.frames.child)
            self._broadcaster.sendTransform(pose_to_transform(T_parent_child, stamp_ns, *map(bare_frame, frames)))

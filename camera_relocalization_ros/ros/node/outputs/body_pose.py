# SPDX-License-Identifier: BSD-3-Clause
"""`~body_pose`: the estimate as the pose of the aircraft's body, which is what an autopilot asks for.

    T_frame_body = T_frame_object @ T_object_camera @ T_camera_body

The one in the middle is the estimate; the others are TF's at the image's stamp, also of a gimbal that turns and an
object that moves, and count as exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Callable

import numpy as np
import rospy
from geometry_msgs.msg import PoseWithCovarianceStamped

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.pose import carried_covariance
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.ros.node.outputs.pose_topics import pose_message
from camera_relocalization_ros.ros.node.outputs.tf_lookup import TfLookup, TfQueue
from camera_relocalization_ros.ros.params import NodeParams

# REP 103's and REP 105's name, and mavros'
BODY = "base_link"


@dataclass(frozen=True)
class BodyFrames:
    """`body` is located in `parent`, by an estimate of `camera` in `object`."""

    parent: str
    object: str
    camera: str
    body: str

    @classmethod
    def from_params(cls, params: NodeParams, sidecar: BundleSidecar) -> BodyFrames | None:
        """None where no ~body_pose is asked for; raises ConfigError when the body is to be located in itself."""
        if not params.body_pose_in:
            return None
        camera, body = params.camera_frame or sidecar.child_frame, params.body_frame or BODY
        if bare_frame(params.body_pose_in) in map(bare_frame, (body, camera)):
            raise ConfigError(
                f"parameter ~body_pose_in is {params.body_pose_in!r}, which moves with the aircraft; expected map, or "
                f"{sidecar.parent_frame!r}"
            )
        return cls(params.body_pose_in, sidecar.parent_frame, camera, body)


class BodyPose:
    """Publishes; an estimate that TF cannot place within `timeout_s` is counted in `failures` and warned of."""

    def __init__(self, frames: BodyFrames, timeout_s: float) -> None:
        self.frames = frames
        self._tf = TfLookup()
        self._queue = TfQueue("no ~body_pose", timeout_s)
        self._publisher = rospy.Publisher("~body_pose", PoseWithCovarianceStamped, queue_size=10)
        self._queue.start()

    @property
    def failures(self) -> int:
        """Estimates that were not published."""
        return self._queue.failures

    @property
    def why_not(self) -> str:
        """What the last failure was."""
        return self._queue.last_failure

    def listeners(self) -> int:
        """Subscribers."""
        return int(self._publisher.get_num_connections())

    def send(self, estimate: Estimate, on_placed: Callable[[Estimate], None]) -> None:
        """Publish an estimate as soon as TF knows camera and object at its stamp; returns at once.

        on_placed is called afterwards with the estimate as that of the body in `frames.parent`. One without a
        covariance is left out: zeros would be taken for certainty.
        """
        if estimate.covariance is not None:
            self._queue.put(partial(self._place, estimate, estimate.covariance, on_placed))

    def _place(
        self,
        estimate: Estimate,
        covariance: np.ndarray,
        on_placed: Callable[[Estimate], None],
        deadline_s: float,
    ) -> None:
        frames, stamp_ns = self.frames, estimate.stamp_ns
        T_camera_body = self._tf.pose(frames.camera, frames.body, stamp_ns, deadline_s)
        T_frame_object = self._tf.pose(frames.parent, frames.object, stamp_ns, deadline_s)
        placed = replace(
            estimate,
            pose=T_frame_object @ estimate.pose @ T_camera_body,
            covariance=carried_covariance(covariance, T_frame_object, estimate.pose, T_camera_body),
        )
        self._publisher.publish(pose_message(placed, frames.parent))
        on_placed(placed)

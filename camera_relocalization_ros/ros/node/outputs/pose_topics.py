# SPDX-License-Identifier: BSD-3-Clause
"""The topics that carry poses, and the model's description: all with the image's stamp, none computed for nobody."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import rospy
from geometry_msgs.msg import Point, PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry, Path

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.msg import ModelInfo
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.params import NodeParams

# a path of hundreds of poses takes milliseconds to write: no display needs it with each image
PATH_PERIOD_NS = 200_000_000


class PathOutput:
    """`~path`: the newest poses, a bounded number of them; a jump back in time starts it anew."""

    def __init__(self, length: int) -> None:
        self._poses: deque[PoseStamped] = deque(maxlen=length)
        self._published_ns = 0
        self._publisher = rospy.Publisher("~path", Path, queue_size=1)

    def add(self, pose: PoseStamped) -> None:
        """Append a pose, and publish now and then."""
        stamp_ns = pose.header.stamp.to_nsec()
        if self._poses and stamp_ns <= self._poses[-1].header.stamp.to_nsec():
            self.clear()
        self._poses.append(pose)
        if stamp_ns - self._published_ns >= PATH_PERIOD_NS and self._publisher.get_num_connections():
            self._published_ns = stamp_ns
            self._publisher.publish(Path(header=pose.header, poses=list(self._poses)))

    def clear(self) -> None:
        """Forget all poses."""
        self._poses.clear()
        self._published_ns = 0

    def get_num_connections(self) -> int:
        """Subscribers."""
        return int(self._publisher.get_num_connections())


class PoseTopics:
    """`~pose`, and as parameters and the model allow `~pose_with_covariance`, `~odometry` and `~path`."""

    def __init__(self, params: NodeParams) -> None:
        self._wants_odometry = params.odometry
        self._pose = rospy.Publisher("~pose", PoseStamped, queue_size=10)
        self._path = PathOutput(params.path_length) if params.path_length else None
        self._with_covariance: list[tuple[rospy.Publisher, Any]] = []
        self._frames = ("", "")

    def advertise(self, bundle: Bundle) -> None:
        """Offer what this model can fill; while the master is away rospy waits in here, so no image may wait for it."""
        if bundle.has_covariance and not self._with_covariance:
            self._advertise_with_covariance()

    def use(self, bundle: Bundle) -> None:
        """Publish estimates of this model from now on."""
        self._frames = (bundle.sidecar.parent_frame, bundle.sidecar.child_frame)

    def retire(self, bundle: Bundle) -> None:
        """Take back what this model cannot fill: what needs a covariance is there only while the model has one."""
        if bundle.has_covariance:
            return
        retired, self._with_covariance = self._with_covariance, []
        for publisher, _ in retired:
            publisher.unregister()
        rospy.loginfo(
            f"{bundle.path} has no calibration and no map: there is no ~pose_with_covariance and no ~odometry"
        )

    def listeners(self) -> int:
        """Subscribers of all these topics together."""
        count = self._pose.get_num_connections() + (self._path.get_num_connections() if self._path else 0)
        for publisher, _ in self._with_covariance:
            # another thread may retire it meanwhile, and rospy then leaves nothing in it
            implementation = publisher.impl
            count += 0 if implementation is None else implementation.get_num_connections()
        return int(count)

    def publish(self, estimate: Estimate) -> PoseStamped:
        """Publish an estimate that is not LOST, everywhere but on the path; returns the pose."""
        pose = conversions.pose_to_message(estimate.pose, estimate.stamp_ns, self._frames[0])
        self._pose.publish(pose)
        if estimate.covariance is not None:
            for publisher, to_message in self._with_covariance:
                try:
                    publisher.publish(to_message(pose, estimate.covariance))
                except (rospy.ROSException, AttributeError):
                    if any(publisher is one for one, _ in self._with_covariance):
                        raise
                    # else another thread retired it meanwhile
        return pose

    def extend_path(self, pose: PoseStamped) -> None:
        """Append a published pose to the path, which may wait where the pose may not."""
        if self._path:
            self._path.add(pose)

    def clear(self) -> None:
        """Start the path anew."""
        if self._path:
            self._path.clear()

    def _advertise_with_covariance(self) -> None:
        topic = rospy.Publisher("~pose_with_covariance", PoseWithCovarianceStamped, queue_size=10)
        topics: list[tuple[rospy.Publisher, Any]] = [(topic, conversions.pose_with_covariance)]
        if self._wants_odometry:
            topics.append((rospy.Publisher("~odometry", Odometry, queue_size=10), self._odometry))
        # all at once: images are localized meanwhile
        self._with_covariance = topics

    def _odometry(self, pose: PoseStamped, covariance: np.ndarray) -> Odometry:
        return conversions.pose_to_odometry(pose, covariance, self._frames[1])


def pose_message(estimate: Estimate, frame_id: str) -> PoseWithCovarianceStamped:
    """An estimate that has a covariance, of a pose in frame_id."""
    pose = conversions.pose_to_message(estimate.pose, estimate.stamp_ns, frame_id)
    return conversions.pose_with_covariance(pose, np.asarray(estimate.covariance))


def model_info(relocalizer: Relocalizer) -> ModelInfo:
    """What `~model_info` says of the model that runs."""
    bundle = relocalizer.bundle
    sidecar, span = bundle.sidecar, bundle.training_range
    same_name = ("parent_frame", "child_frame", "backbone", "head", "window_length", "precision")
    info = ModelInfo(**{name: getattr(sidecar, name) for name in same_name})
    info.bundle_id, info.path, info.max_gap = bundle.bundle_id, str(bundle.path), sidecar.max_gap_s
    info.input_width, info.input_height = sidecar.preprocessing.width, sidecar.preprocessing.height
    if sidecar.camera is not None:
        info.camera = conversions.camera_to_info(sidecar.camera, 0, sidecar.child_frame)
    info.training_min, info.training_max = Point(*span.min), Point(*span.max)
    info.training_data = [f"{one.name} {one.part}".strip() + f": {one.frames} frames" for one in sidecar.training_data]
    info.licence, info.providers = sidecar.weights_licence, relocalizer.providers
    info.landmarks = 0 if bundle.landmark_map is None else len(bundle.landmark_map)
    info.has_covariance = bundle.has_covariance
    return info

# SPDX-License-Identifier: BSD-3-Clause
"""The services of the node relocalizer: ~reset, ~set_enabled, ~load_bundle and ~relocalize_image."""

from __future__ import annotations

import math
import threading

import numpy as np
import rospy
from std_srvs.srv import SetBool, SetBoolRequest, SetBoolResponse, Trigger, TriggerRequest, TriggerResponse

from camera_relocalization_ros.core.errors import FrameError, RelocalizationError
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.program import give_back_freed_memory
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.node.model_loading import load_successor
from camera_relocalization_ros.ros.node.relocalization_node import RelocalizationNode
from camera_relocalization_ros.srv import (
    LoadBundle,
    LoadBundleRequest,
    LoadBundleResponse,
    RelocalizeImage,
    RelocalizeImageRequest,
    RelocalizeImageResponse,
)


def advertise_services(node: RelocalizationNode) -> None:
    """Offer the services; rospy calls each in a thread of its own."""
    services = NodeServices(node)
    rospy.Service("~reset", Trigger, services.reset)
    rospy.Service("~set_enabled", SetBool, services.set_enabled)
    rospy.Service("~load_bundle", LoadBundle, services.load_bundle)
    rospy.Service("~relocalize_image", RelocalizeImage, services.relocalize_image)


class NodeServices:
    """Requests to calls of the node, and errors to responses."""

    def __init__(self, node: RelocalizationNode) -> None:
        self._node = node
        self._is_loading = threading.Lock()
        self._is_localizing = threading.Lock()

    def reset(self, _request: TriggerRequest) -> TriggerResponse:
        """Forget earlier images."""
        self._node.reset()
        return TriggerResponse(success=True, message="earlier images are forgotten")

    def set_enabled(self, request: SetBoolRequest) -> SetBoolResponse:
        """Look at images, or not."""
        self._node.set_enabled(request.data)
        return SetBoolResponse(success=True, message="enabled" if request.data else "disabled")

    def load_bundle(self, request: LoadBundleRequest) -> LoadBundleResponse:
        """Load another model beside the running one, and localize with it once it is warm."""
        if not self._is_loading.acquire(blocking=False):
            return self._loaded(False, "another bundle is being loaded")
        try:
            node = self._node
            running = node.relocalizer.bundle.sidecar
            node.use_model(load_successor(request.path, node.params, running, node.image_size))
        except RelocalizationError as error:
            rospy.logwarn(f"~load_bundle: {error}; the running model stays")
            return self._loaded(False, str(error))
        finally:
            self._is_loading.release()
            # of this thread, which ends with the answer, and of the model that answered before
            give_back_freed_memory()
        rospy.loginfo(f"~load_bundle: {request.path} answers now")
        return self._loaded(True, f"{request.path} answers now")

    def relocalize_image(self, request: RelocalizeImageRequest) -> RelocalizeImageResponse:
        """The pose of one image by itself."""
        images = [image for image in (request.image, request.compressed) if image.data]
        if len(images) != 1:
            return _no_pose(f"the request has {len(images)} images; expected one")
        # one at a time: each takes the memory of a picture and of a run of the network, and time from the stream
        if not self._is_localizing.acquire(blocking=False):
            return _no_pose("another image is being looked at; ask again")
        try:
            estimate = self._node.estimate_alone(images[0])
        except FrameError as error:
            return _no_pose(str(error))
        finally:
            self._is_localizing.release()
        if estimate.state == State.LOST:
            return _no_pose(estimate.reason, estimate.score)
        return _pose(estimate, self._node.relocalizer.bundle.sidecar.parent_frame)

    def _loaded(self, ok: bool, message: str) -> LoadBundleResponse:
        return LoadBundleResponse(ok=ok, message=message, bundle_id=self._node.relocalizer.bundle.bundle_id)


def _pose(estimate: Estimate, parent_frame: str) -> RelocalizeImageResponse:
    covariance = estimate.covariance if estimate.covariance is not None else np.full((6, 6), math.nan)
    pose = conversions.pose_to_message(estimate.pose, estimate.stamp_ns, parent_frame)
    return RelocalizeImageResponse(
        ok=True,
        pose=conversions.pose_with_covariance(pose, covariance),
        state=estimate.state,
        reason=estimate.reason,
        score=estimate.score,
    )


def _no_pose(reason: str, score: float = math.nan) -> RelocalizeImageResponse:
    nothing = conversions.pose_to_message(Pose(np.full(3, math.nan), np.full(4, math.nan)), 0, "")
    pose = conversions.pose_with_covariance(nothing, np.full((6, 6), math.nan))
    return RelocalizeImageResponse(message=reason, pose=pose, state=State.LOST, reason=reason, score=score)

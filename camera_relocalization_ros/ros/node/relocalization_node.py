# SPDX-License-Identifier: BSD-3-Clause
"""The node `relocalizer`: an image topic in; poses, TF, and what can be said about both out.

Subscribes `image` (sensor_msgs/Image), or with ~transport compressed `image/compressed` (sensor_msgs/CompressedImage),
and camera_info beside it. Publishes with the stamp of the image `~pose`, `~pose_with_covariance`, `~odometry`, `~path`
(node_outputs), `~debug_image`, `~markers`, `/tf` (tf_output) and `~status` (node_status); further `~model_info` and
`/diagnostics`. Services: node_services. Parameters: config/relocalizer.yaml.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import rospy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import FrameError, RelocalizationError, StampError
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.fusion import regression_alone
from camera_relocalization_ros.localization.motion_filter import FilterSettings, MotionFilter
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.msg import ModelInfo, RelocalizerStatus
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.node.camera_watch import CameraWatch, topic_beside
from camera_relocalization_ros.ros.node.debug_image import DebugImage
from camera_relocalization_ros.ros.node.diagnostics import NodeDiagnostics
from camera_relocalization_ros.ros.node.fault_isolation import SideWork
from camera_relocalization_ros.ros.node.landmark_worker import NodeLandmarks
from camera_relocalization_ros.ros.node.master_watch import MasterWatch
from camera_relocalization_ros.ros.node.model_loading import load_model
from camera_relocalization_ros.ros.node.motion_topics import MotionTopics
from camera_relocalization_ros.ros.node.newest_frame import Arrival, NewestFrame
from camera_relocalization_ros.ros.node.outputs import PoseOutputs, model_info
from camera_relocalization_ros.ros.node.pose_markers import PoseMarkers
from camera_relocalization_ros.ros.node.pose_now import PoseNow
from camera_relocalization_ros.ros.node.reconfigure import serve_settings
from camera_relocalization_ros.ros.node.services import advertise_services
from camera_relocalization_ros.ros.node.status import NodeStatus, age_s, rejection_counts
from camera_relocalization_ros.ros.node.tf_output import TfOutput, choose_frames
from camera_relocalization_ros.ros.params import NodeParams, read_params, values_from_params

MESSAGE_TYPES = {"raw": Image, "compressed": CompressedImage}
# rospy reads the socket in pieces of this size and keeps the newest whole message of a piece: several images must fit,
# or old ones wait in the socket
BUFFER_BYTES = 32 * 1024 * 1024
WARNING_PERIOD_S = 5.0
WHY_NOT = {RelocalizerStatus.IDLE: "nobody listens", RelocalizerStatus.DISABLED: "disabled by ~set_enabled"}


class RelocalizationNode:
    """Glue between rospy and the relocalizer: the subscriber's thread fills the box, `run` empties it.

    What services do comes from threads of their own, and between two images.
    """

    def __init__(self, relocalizer: Relocalizer, params: NodeParams, tf: TfOutput | None) -> None:
        self.params = params
        self.relocalizer = relocalizer
        self.newest = NewestFrame()
        self.status = NodeStatus(self.newest)
        self.camera = CameraWatch(relocalizer.bundle.sidecar)
        self.landmarks = NodeLandmarks(self.camera, params.refinement_rate, params.refine_first)
        self.tf = tf
        self.side_work = SideWork()
        self._poses = PoseOutputs(params)
        self._debug_image = DebugImage(params.object_box)
        self._markers = PoseMarkers(params.object_box)
        self._filter = MotionFilter(_filter_settings(params))
        camera_frame = params.camera_frame or relocalizer.bundle.sidecar.child_frame
        motion = MotionTopics.from_params(params)
        self._pose_now = PoseNow(motion, camera_frame) if motion is not None else None
        self._model_info = rospy.Publisher("~model_info", ModelInfo, queue_size=1, latch=True)
        self._is_enabled = True
        self._activity = RelocalizerStatus.IDLE
        self._image_size: tuple[int, int] | None = None
        self._between_images = threading.Lock()

    def on_image(self, message: Image | CompressedImage) -> None:
        """Subscriber callback; the work is done elsewhere, so that the next image finds this thread free."""
        self.newest.put(message)

    def run(self) -> None:
        """Answer images until the node is shut down."""
        rospy.on_shutdown(self.newest.close)
        self._poses.advertise(self.relocalizer.bundle)
        with self._between_images:
            self._introduce_model()
            self._look_at(None)
        self._poses.retire(self.relocalizer.bundle)
        while not rospy.is_shutdown():
            arrival = self.newest.take(self.params.stale_after)
            if self.newest.closed:
                return
            with self._between_images:
                self._look_at(arrival)

    def _choose_activity(self) -> int:
        """One of RelocalizerStatus' ANSWERING, IDLE and DISABLED."""
        if not self._is_enabled:
            return RelocalizerStatus.DISABLED
        outputs = [self._poses, self._debug_image, self._markers] + ([self._pose_now] if self._pose_now else [])
        has_listeners = self.tf is not None or any(output.listeners() for output in outputs)
        return RelocalizerStatus.ANSWERING if has_listeners or not self.params.lazy else RelocalizerStatus.IDLE

    def reset(self) -> None:
        """Forget earlier images, the path, and a rival in TF."""
        with self._between_images:
            self._forget_images()
            self._poses.clear()
            if self.tf is not None:
                self.tf.parent_watch.forget()

    def set_enabled(self, is_enabled: bool) -> None:
        """Look at images, or not."""
        with self._between_images:
            self._is_enabled = is_enabled
            self._look_at(None)

    def use_model(self, relocalizer: Relocalizer) -> None:
        """Answer with another model of the same frames from the next image on."""
        self._poses.advertise(relocalizer.bundle)
        with self._between_images:
            self.relocalizer = relocalizer
            self._filter.reset()
            self._introduce_model()
        self._poses.retire(relocalizer.bundle)

    def use_settings(self, params: NodeParams) -> None:
        """Go on with other settings from the next image on."""
        with self._between_images:
            self.params = params
            settings = _filter_settings(params)
            if settings != self._filter.settings:
                # a new one follows nothing yet: other settings must not cost the track
                self._filter = MotionFilter(settings)
            self._set_thresholds()

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height of the newest image; while none came, what camera_info says, None when that says nothing."""
        return self._image_size or self.camera.size

    def estimate_alone(self, message: Image | CompressedImage) -> Estimate:
        """The answer to one image by itself; leaves the live images alone. Raises FrameError."""
        relocalizer = self.landmarks.refining(self.relocalizer.sibling())
        return relocalizer.estimate(conversions.message_to_rgb(message), message.header.stamp.to_nsec())

    def _set_thresholds(self) -> None:
        limits = (self.params.lost_below, self.params.degraded_below)
        self.relocalizer.set_thresholds(*(None if limit < 0 else limit for limit in limits))

    def _introduce_model(self) -> None:
        self._set_thresholds()
        self.camera.use(self.relocalizer.bundle.sidecar)
        self.landmarks.use(self.relocalizer.bundle)
        self._poses.use(self.relocalizer.bundle)
        self._model_info.publish(model_info(self.relocalizer))

    def _look_at(self, arrival: Arrival | None) -> None:
        self._activity = self._choose_activity()
        if arrival is None:
            self._publish_waiting()
        elif self._activity == RelocalizerStatus.ANSWERING:
            self.landmarks.pause()
            self._answer(arrival)
            with self.side_work.tried("landmarks"):
                self.landmarks.refine()
        else:
            self._skip()

    def _skip(self) -> None:
        self.status.skipped += 1
        is_due = time.monotonic() - self.status.published_s >= self.params.stale_after
        if is_due or self.status.last.activity != self._activity:
            self._publish_waiting()

    def _answer(self, arrival: Arrival) -> None:
        header = arrival.message.header
        try:
            if header.stamp.is_zero():
                raise StampError("image without a stamp")
            image_rgb = conversions.message_to_rgb(arrival.message)
            self._notice_size(image_rgb)
            regression = self.relocalizer.estimate(image_rgb, header.stamp.to_nsec())
            estimate = self._filter.update(self._refined(image_rgb, regression))
        except FrameError as error:
            self._reject(header, error)
            return
        if estimate.state == State.LOST:
            self._give_up(estimate, header)
        else:
            self._publish(estimate, arrival)
        with self.side_work.tried("~debug_image"):
            self._debug_image.publish(header, image_rgb, estimate, self._seeing_camera())
        with self.side_work.tried("~markers"):
            self._markers.publish(estimate, self._seeing_camera(), self.relocalizer.bundle.sidecar.parent_frame)

    def _refined(self, image_rgb: np.ndarray, regression: Estimate) -> Estimate:
        with self.side_work.tried("landmarks"):
            return self.landmarks.estimate(image_rgb, regression)
        self.landmarks.reset()
        return regression_alone(regression, "landmarks failed")

    def _notice_size(self, image_rgb: np.ndarray) -> None:
        """Images of two sizes are of two cameras, as far as anyone knows: none of their windows is mixed."""
        size = (image_rgb.shape[1], image_rgb.shape[0])
        if self._image_size not in (None, size):
            told = f"images have {size} pixels now, had {self._image_size}; earlier ones are forgotten"
            rospy.logwarn_throttle(WARNING_PERIOD_S, told)
            self._forget_images()
        self._image_size = size

    def _forget_images(self) -> None:
        self.relocalizer.reset()
        self.landmarks.reset()
        self._filter.reset()

    def _seeing_camera(self) -> CameraIntrinsics | None:
        """That of camera_info; while none fits, the training camera: with the same view, maybe of another size."""
        told = self.camera.camera if self.camera.match.is_usable else None
        return told or self.relocalizer.bundle.sidecar.camera

    def _reject(self, header: Header, error: FrameError) -> None:
        self.relocalizer.reset()
        self.status.rejected[error.kind] += 1
        rospy.logwarn_throttle(WARNING_PERIOD_S, f"image rejected ({error.kind}): {error}")
        self._publish_status(State.LOST, header, reason=str(error), age=age_s(header))

    def _give_up(self, estimate: Estimate, header: Header) -> None:
        self.status.lost += 1
        self._publish_status(State.LOST, header, reason=estimate.reason, score=estimate.score, age=age_s(header))

    def _publish(self, estimate: Estimate, arrival: Arrival) -> None:
        header = arrival.message.header
        pose = self._poses.publish(estimate)
        if self._pose_now is not None:
            with self.side_work.tried("~pose_now"):
                self._pose_now.publish(estimate, pose.header.frame_id)
        if self.tf is not None:
            with self.side_work.tried("TF"):
                self.tf.send(estimate)
        self.status.answered += 1
        self._publish_status(
            estimate.state,
            header,
            reason=estimate.reason,
            stage=estimate.stage,
            window_length=estimate.window_length,
            inference_time=estimate.inference_s,
            latency=time.monotonic() - arrival.received_s,
            age=age_s(header),
            score=estimate.score,
        )
        self._poses.extend_path(pose)

    def _publish_waiting(self) -> None:
        """Say that there is no pose of now, and why."""
        looked_at = self.status.answered + self.status.lost + sum(self.status.rejected.values())
        state = State.STALE if looked_at else State.WARMING_UP
        why = "no image for a while" if self.newest.seen else "no image yet"
        reason = WHY_NOT.get(self._activity, why)
        self._publish_status(state, Header(stamp=rospy.Time.now()), reason=reason)

    def _publish_status(self, state: State, header: Header, **values: Any) -> None:
        about_node = {
            "activity": self._activity,
            "bundle_id": self.relocalizer.bundle.bundle_id,
            "refinements": self.landmarks.counts.accepted,
            "refused": rejection_counts(self.landmarks.counts.rejected_by_kind),
            "tf_failures": self.tf.failures if self.tf is not None else 0,
        }
        self.status.publish(state, header, **about_node, **values)


def _filter_settings(params: NodeParams) -> FilterSettings:
    return FilterSettings(
        smooths=params.smoothing,
        gates=params.gate,
        gate_chance=params.gate_chance,
        reinitialise_after=params.reinitialise_after,
        recover_after=params.recover_after,
    )


def subscribe(node: RelocalizationNode) -> rospy.Subscriber:
    """Subscribe to camera and images; `image` is remapped to the topic's name without the transport, or with it."""
    topic, transport = rospy.resolve_name("image"), node.params.transport
    if transport == "compressed" and not topic.endswith(conversions.COMPRESSED_SUFFIX):
        topic += conversions.COMPRESSED_SUFFIX
    node.camera.subscribe(node.params.camera_info_topic or topic_beside(topic))
    return rospy.Subscriber(
        topic, MESSAGE_TYPES[transport], node.on_image, queue_size=1, buff_size=BUFFER_BYTES, tcp_nodelay=True
    )


def make_node(params: NodeParams) -> RelocalizationNode:
    """The node with its topics and services; raises RelocalizationError when parameters or the bundle are bad."""
    relocalizer = load_model(params.bundle, params)
    frames = choose_frames(params, relocalizer.bundle.sidecar)
    tf = TfOutput(frames, params.tf_timeout) if frames else None
    if tf is not None:
        tf.start()
    node = RelocalizationNode(relocalizer, params, tf)
    serve_settings(params, node.use_settings)
    advertise_services(node)
    NodeDiagnostics(node).start()
    return node


def main() -> int:
    """Run the node until it is shut down; 1 when parameters or the bundle are bad."""
    rospy.init_node("relocalizer")
    try:
        node = make_node(read_params())
    except RelocalizationError as error:
        rospy.logfatal(str(error))
        return 1
    subscriber = subscribe(node)
    MasterWatch(lambda: values_from_params(node.params)).start()
    rospy.loginfo(f"{node.params.bundle} answers images on {subscriber.resolved_name}")
    node.run()
    return 0

# SPDX-License-Identifier: BSD-3-Clause
"""The node `relocalizer`: an image topic in; poses, TF, and what can be said about both out.

Subscribes `image` (sensor_msgs/Image), or with ~transport compressed `image/compressed` (sensor_msgs/CompressedImage),
and camera_info beside it. Publishes poses, TF and pictures (outputs), `~status` (status), `~model_info` and, from
diagnostics, `/diagnostics`. Services: services. Parameters: config/relocalizer.yaml. It is put together in startup.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import rospy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from camera_relocalization_ros.core.errors import FrameError, StampError
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.msg import ModelInfo, RelocalizerStatus
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.fault_isolation import FaultIsolation
from camera_relocalization_ros.ros.image_topic_watch import ImageTopicWatch
from camera_relocalization_ros.ros.node.arrival_watch import ArrivalWatch
from camera_relocalization_ros.ros.node.camera_watch import CameraWatch
from camera_relocalization_ros.ros.node.frozen_picture import FrozenPicture
from camera_relocalization_ros.ros.node.image_localizer import ImageLocalizer
from camera_relocalization_ros.ros.node.newest_frame import Arrival, NewestFrame
from camera_relocalization_ros.ros.node.outputs.debug_image import DebugImage
from camera_relocalization_ros.ros.node.outputs.estimate_outputs import EstimateOutputs
from camera_relocalization_ros.ros.node.outputs.pose_markers import PoseMarkers
from camera_relocalization_ros.ros.node.outputs.pose_topics import model_info
from camera_relocalization_ros.ros.node.outputs.tf_output import TfOutput
from camera_relocalization_ros.ros.node.reset_counter import ResetCounter
from camera_relocalization_ros.ros.node.status import (
    NodeStatus,
    age_s,
    clock_complaint,
    in_time,
    rejection_counts,
)
from camera_relocalization_ros.ros.params import NodeParams

WARNING_PERIOD_S = 5.0
# clocks that differ go on to do so
CLOCK_WARNING_PERIOD_S = 60.0
WHY_NOT = {RelocalizerStatus.IDLE: "nobody listens", RelocalizerStatus.DISABLED: "disabled by ~set_enabled"}


class RelocalizationNode:
    """Glue between rospy and the localizer: the subscriber's thread fills the box, `run` empties it.

    What services do comes from threads of their own, and between two images.
    """

    def __init__(self, relocalizer: Relocalizer, params: NodeParams, tf: TfOutput | None) -> None:
        self.params = params
        self.newest = NewestFrame()
        self.arrivals = ArrivalWatch()
        self.image_watch = ImageTopicWatch(lambda: self.newest.seen > 0)
        self.status = NodeStatus(self.newest)
        self.camera = CameraWatch(relocalizer.bundle.sidecar, params.rectification)
        self.faults = FaultIsolation()
        self.localizer = ImageLocalizer(relocalizer, params, self.camera, self.faults)
        self.tf = tf
        self.outputs = EstimateOutputs(params, relocalizer.bundle, tf, self.faults)
        self._resets = ResetCounter()
        self._frozen = FrozenPicture()
        self._debug_image = DebugImage(params.object_box)
        self._markers = PoseMarkers(params.object_box)
        self._model_info = rospy.Publisher("~model_info", ModelInfo, queue_size=1, latch=True)
        self._is_enabled = True
        self._activity = RelocalizerStatus.IDLE
        self._between_images = threading.Lock()

    def on_image(self, message: Image | CompressedImage) -> None:
        """Subscriber callback; the work is done elsewhere, so that the next image finds this thread free."""
        self.arrivals.note(message._connection_header["callerid"], message.header.stamp.to_nsec())
        self.newest.put(message)

    def run(self) -> None:
        """Localize images until the node is shut down."""
        rospy.on_shutdown(self.newest.close)
        self.outputs.topics.advertise(self.relocalizer.bundle)
        with self._between_images:
            self._use_model(self.relocalizer)
            self._process(None)
        self.outputs.topics.retire(self.relocalizer.bundle)
        while not rospy.is_shutdown():
            arrival = self.newest.take(self.params.stale_after)
            if self.newest.closed:
                return
            with self._between_images:
                self._process(arrival)

    def _choose_activity(self) -> int:
        """One of RelocalizerStatus' ANSWERING, IDLE and DISABLED."""
        if not self._is_enabled:
            return int(RelocalizerStatus.DISABLED)
        is_wanted = self.tf is not None or not self.params.lazy or self._listeners() > 0
        return int(RelocalizerStatus.ANSWERING if is_wanted else RelocalizerStatus.IDLE)

    def _listeners(self) -> int:
        """Subscribers of all that depends on images."""
        return self.outputs.listeners() + self._debug_image.listeners() + self._markers.listeners()

    def reset(self) -> None:
        """Forget earlier images, the path, and a rival in TF."""
        with self._between_images:
            self.localizer.reset()
            self.outputs.reset()
            self._resets.note_break()

    def set_enabled(self, is_enabled: bool) -> None:
        """Look at images, or not."""
        with self._between_images:
            self._is_enabled = is_enabled
            self._process(None)

    def use_model(self, relocalizer: Relocalizer) -> None:
        """Localize with another model of the same frames from the next image on."""
        self.outputs.topics.advertise(relocalizer.bundle)
        with self._between_images:
            self._use_model(relocalizer)
        self.outputs.topics.retire(relocalizer.bundle)

    def use_settings(self, params: NodeParams) -> None:
        """Go on with other settings from the next image on."""
        with self._between_images:
            self.params = params
            self.localizer.use_settings(params)

    @property
    def relocalizer(self) -> Relocalizer:
        """The model that runs."""
        return self.localizer.relocalizer

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height of the newest image; while none came, what camera_info says, None when that says nothing."""
        return self.localizer.image_size or self.camera.size

    def estimate_alone(self, message: Image | CompressedImage) -> Estimate:
        """The pose of one image by itself; leaves the live images alone. Raises FrameError."""
        stamp_ns = conversions.stamp_ns_of(message.header)
        return self.localizer.estimate_alone(conversions.message_to_rgb(message), stamp_ns)

    def _use_model(self, relocalizer: Relocalizer) -> None:
        self.localizer.use_model(relocalizer, self.params)
        self.outputs.use(relocalizer.bundle)
        self._resets.note_break()
        self._model_info.publish(model_info(relocalizer))

    def _process(self, arrival: Arrival | None) -> None:
        self._activity = self._choose_activity()
        if arrival is None:
            self._publish_waiting()
        elif self._activity == RelocalizerStatus.ANSWERING:
            self.localizer.landmarks.pause()
            with self.faults.isolated("landmarks"):
                self._miss(arrival.missed)
            self._localize(arrival)
            with self.faults.isolated("landmarks"):
                self.localizer.landmarks.refine()
        else:
            self._skip()

    def _miss(self, messages: tuple[Image | CompressedImage, ...]) -> None:
        """Remember what came too soon after others: tracking may go by way of it."""
        for message in messages:
            try:
                stamp_ns = conversions.stamp_ns_of(message.header)
                decode_grey = conversions.grey_decoder(message)
            except FrameError:
                # of no use; the next one that has its turn tells what is wrong
                continue
            self.localizer.landmarks.miss(decode_grey, stamp_ns)

    def _skip(self) -> None:
        self.status.skipped += 1
        is_due = time.monotonic() - self.status.published_s >= self.params.stale_after
        if is_due or self.status.last.activity != self._activity:
            self._publish_waiting()

    def _localize(self, arrival: Arrival) -> None:
        header = arrival.message.header
        try:
            stamp_ns = conversions.stamp_ns_of(header)
            if not stamp_ns:
                raise StampError("image without a stamp")
            is_grey_enough = self.localizer.landmarks.is_tracking and not self._debug_image.listeners()
            picture = conversions.message_to_picture(arrival.message, is_grey_enough)
            self.camera.on_image(*picture.size, header.frame_id)
            estimate = self.localizer.estimate(picture, stamp_ns)
            estimate = in_time(estimate, rospy.Time.now(), not rospy.rostime.is_wallclock())
            estimate = self._frozen.judged(estimate, arrival.message.data, self.params.frozen_after)
        except FrameError as error:
            self._reject(header, error)
            return
        if estimate.state == State.LOST:
            self._publish_lost(estimate, header)
        else:
            self._publish(estimate, arrival)
        with self.faults.isolated("~debug_image"):
            self._debug_image.publish(header, picture, estimate, self.camera.drawing_camera)
        with self.faults.isolated("~markers"):
            self._markers.publish(estimate, self.camera.drawing_camera, self.relocalizer.bundle.sidecar.parent_frame)

    def _reject(self, header: Header, error: FrameError) -> None:
        self.relocalizer.reset()
        self._lose()
        self.status.rejected[error.kind] += 1
        rospy.logwarn_throttle(WARNING_PERIOD_S, f"image rejected ({error.kind}): {error}")
        self._publish_status(State.LOST, header, reason=str(error), age=age_s(header))

    def _publish_lost(self, estimate: Estimate, header: Header) -> None:
        self._lose()
        self.status.lost += 1
        self._publish_status(State.LOST, header, reason=estimate.reason, score=estimate.score, age=age_s(header))

    def _publish(self, estimate: Estimate, arrival: Arrival) -> None:
        header = arrival.message.header
        complaint = clock_complaint(age_s(header), rospy.Time.now())
        if complaint:
            rospy.logwarn_throttle(CLOCK_WARNING_PERIOD_S, complaint)
        pose = self.outputs.publish(estimate)
        if pose is not None:
            self._resets.note_pose(estimate.stamp_ns)
        self.status.localized += 1
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
        if pose is not None:
            self.outputs.topics.extend_path(pose)

    def _lose(self) -> None:
        self.outputs.lose()
        self._resets.note_break()

    def _publish_waiting(self) -> None:
        """Say that there is no pose of now, and why."""
        seen = self.status.localized + self.status.lost + sum(self.status.rejected.values())
        state = State.STALE if seen else State.WARMING_UP
        silence = "no image for a while" if self.newest.seen else self.image_watch.complaint or "no image yet"
        reason = WHY_NOT.get(self._activity, silence)
        self._publish_status(state, Header(stamp=rospy.Time.now()), reason=reason)

    def _publish_status(self, state: State, header: Header, **values: Any) -> None:
        landmarks, health = self.localizer.landmarks, self.localizer.landmarks.health
        about_node = {
            "activity": self._activity,
            "bundle_id": self.relocalizer.bundle.bundle_id,
            "refinements": landmarks.counts.accepted,
            "refused": rejection_counts(landmarks.counts.rejected_by_kind),
            "search_duration": health.search_s,
            "landmarks_age": health.age_s,
            "landmarks_share": health.tracked_share,
            "tf_failures": self.tf.failures if self.tf is not None else 0,
            "reset_count": self._resets.count,
        }
        self.status.publish(state, header, **about_node, **values)

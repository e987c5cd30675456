# SPDX-License-Identifier: BSD-3-Clause
"""The node `relocalizer`: an image topic in, poses on a topic and in TF out.

Subscribes `image` (sensor_msgs/Image), or with ~transport compressed `image/compressed` (sensor_msgs/CompressedImage).
Publishes `~pose` (geometry_msgs/PoseStamped) with the stamp of its image: the camera in the model's parent frame;
the same on `/tf`, as a child frame of its own; `~status` (RelocalizerStatus) for each image that was answered or
rejected. Parameters: config/relocalizer.yaml.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import rospy
import tf2_ros
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from camera_relocalization_ros.core.errors import ConfigError, FrameError, RelocalizationError
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.inference.relocalizer import Estimate, Relocalizer
from camera_relocalization_ros.msg import RelocalizerStatus
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.newest_frame import Arrival, NewestFrame
from camera_relocalization_ros.ros.params import NodeParams, read_params

MESSAGE_TYPES = {"raw": Image, "compressed": CompressedImage}
# rospy reads the socket in pieces of this size and keeps the newest whole message of a piece: several images must fit,
# or old ones wait in the socket
BUFFER_BYTES = 32 * 1024 * 1024
WARNING_PERIOD_S = 5.0
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Outputs:
    """Where answers go; `tf` is None when nothing is broadcast."""

    pose: rospy.Publisher
    status: rospy.Publisher
    tf: tf2_ros.TransformBroadcaster | None
    parent_frame: str
    estimate_frame: str


class RelocalizationNode:
    """Glue between rospy and the relocalizer: the subscriber's thread fills the box, `run` empties it."""

    def __init__(self, relocalizer: Relocalizer, outputs: Outputs, stale_after_s: float) -> None:
        self._relocalizer = relocalizer
        self._outputs = outputs
        self._stale_after_s = stale_after_s
        self._newest = NewestFrame()
        self._answered = 0
        self._rejected = 0

    def on_image(self, message: Image | CompressedImage) -> None:
        """Subscriber callback; the work is done elsewhere, so that the next image finds this thread free."""
        self._newest.put(message)

    def run(self) -> None:
        """Answer images until the node is shut down."""
        rospy.on_shutdown(self._newest.close)
        self._publish_waiting()
        while not rospy.is_shutdown():
            arrival = self._newest.take(self._stale_after_s)
            if arrival is not None:
                self._answer(arrival)
            elif not self._newest.closed:
                self._publish_waiting()

    def _answer(self, arrival: Arrival) -> None:
        header = arrival.message.header
        try:
            if header.stamp.is_zero():
                raise FrameError("image without a stamp")
            image_rgb = conversions.message_to_rgb(arrival.message)
            estimate = self._relocalizer.estimate(image_rgb, header.stamp.to_nsec())
        except FrameError as error:
            self._reject(header, error)
        else:
            self._publish(estimate, arrival)

    def _reject(self, header: Header, error: FrameError) -> None:
        self._relocalizer.reset()
        self._rejected += 1
        rospy.logwarn_throttle(WARNING_PERIOD_S, f"image rejected ({self._rejected} so far): {error}")
        self._publish_status(State.LOST, header, reason=str(error), age=_age_s(header))

    def _publish(self, estimate: Estimate, arrival: Arrival) -> None:
        out, header = self._outputs, arrival.message.header
        pose = (estimate.position, estimate.quat_xyzw, estimate.stamp_ns, out.parent_frame)
        out.pose.publish(conversions.pose_to_message(*pose))
        if out.tf is not None:
            out.tf.sendTransform(conversions.pose_to_transform(*pose, out.estimate_frame))
        self._answered += 1
        self._publish_status(
            estimate.state,
            header,
            reason=estimate.reason,
            window_length=estimate.window_length,
            inference_time=estimate.inference_s,
            latency=time.monotonic() - arrival.received_s,
            age=_age_s(header),
        )

    def _publish_waiting(self) -> None:
        """Say that no image came: not yet, or not any more."""
        state = State.STALE if self._newest.seen else State.WARMING_UP
        self._publish_status(state, Header(stamp=rospy.Time.now()))

    def _publish_status(self, state: State, header: Header, **values: Any) -> None:
        status = RelocalizerStatus(state=state, inference_time=UNKNOWN, latency=UNKNOWN, age=UNKNOWN, score=UNKNOWN)
        status.header.stamp, status.header.frame_id = header.stamp, header.frame_id
        status.frames_seen, status.frames_dropped = self._newest.seen, self._newest.dropped
        status.frames_answered, status.frames_rejected = self._answered, self._rejected
        status.bundle_id = self._relocalizer.bundle.bundle_id
        for name, value in values.items():
            setattr(status, name, value)
        self._outputs.status.publish(status)


def make_outputs(params: NodeParams, relocalizer: Relocalizer) -> Outputs:
    """Advertise the topics; raises ConfigError when the estimate would give a frame of the model a second parent."""
    sidecar = relocalizer.bundle.sidecar
    estimate_frame = params.tf_child_frame or f"{sidecar.child_frame}_estimate"
    if estimate_frame in (sidecar.child_frame, sidecar.parent_frame):
        raise ConfigError(f"parameter ~tf_child_frame is {estimate_frame!r}, a frame of the model; expected a new one")
    return Outputs(
        pose=rospy.Publisher("~pose", PoseStamped, queue_size=10),
        # latched, so that who comes late still learns the state
        status=rospy.Publisher("~status", RelocalizerStatus, queue_size=10, latch=True),
        tf=tf2_ros.TransformBroadcaster() if params.tf_mode != "none" else None,
        parent_frame=sidecar.parent_frame,
        estimate_frame=estimate_frame,
    )


def subscribe(params: NodeParams, callback: Any) -> rospy.Subscriber:
    """Subscribe to the images; `image` is remapped to the topic's name without the transport, or with it."""
    topic = rospy.resolve_name("image")
    if params.transport == "compressed" and not topic.endswith(conversions.COMPRESSED_SUFFIX):
        topic += conversions.COMPRESSED_SUFFIX
    return rospy.Subscriber(
        topic, MESSAGE_TYPES[params.transport], callback, queue_size=1, buff_size=BUFFER_BYTES, tcp_nodelay=True
    )


def main() -> int:
    """Run the node until it is shut down; 1 when parameters or the bundle are bad."""
    rospy.init_node("relocalizer")
    try:
        params = read_params()
        relocalizer = Relocalizer.from_bundle(params.bundle, params.providers, params.threads)
        node = RelocalizationNode(relocalizer, make_outputs(params, relocalizer), params.stale_after)
    except RelocalizationError as error:
        rospy.logfatal(str(error))
        return 1
    subscriber = subscribe(params, node.on_image)
    rospy.loginfo(f"{params.bundle} answers images on {subscriber.resolved_name}")
    node.run()
    return 0


def _age_s(header: Header) -> float:
    return (rospy.Time.now() - header.stamp).to_sec()

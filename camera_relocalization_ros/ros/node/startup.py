# SPDX-License-Identifier: BSD-3-Clause
"""main() of the node `relocalizer`: model, node, and what is around it, in the order in which they may start."""

from __future__ import annotations

from typing import Callable

import cv2
import rospy
from sensor_msgs.msg import CompressedImage, Image

from camera_relocalization_ros.localization.hardware import threads_of_one_task
from camera_relocalization_ros.ros.conversions import COMPRESSED_SUFFIX
from camera_relocalization_ros.ros.master_watch import MasterWatch
from camera_relocalization_ros.ros.node.diagnostics import NodeDiagnostics
from camera_relocalization_ros.ros.node.model_loading import load_model
from camera_relocalization_ros.ros.node.outputs.tf_output import TfOutput, choose_frames
from camera_relocalization_ros.ros.node.reconfigure import serve_settings
from camera_relocalization_ros.ros.node.relocalization_node import RelocalizationNode
from camera_relocalization_ros.ros.node.services import advertise_services
from camera_relocalization_ros.ros.params import NodeParams, read_params, values_from_params
from camera_relocalization_ros.ros.picture_camera import topic_beside
from camera_relocalization_ros.ros.run_node import run_node

MESSAGE_TYPES = {"raw": Image, "compressed": CompressedImage}
# rospy reads the socket in pieces of this size and keeps the newest whole message of a piece: several images must fit,
# or old ones wait in the socket
BUFFER_BYTES = 32 * 1024 * 1024


def subscribe(node: RelocalizationNode) -> rospy.Subscriber:
    """Subscribe to camera and images; `image` is remapped to the topic's name without the transport, or with it."""
    topic, transport = rospy.resolve_name("image"), node.params.transport
    if transport == "compressed" and not topic.endswith(COMPRESSED_SUFFIX):
        topic += COMPRESSED_SUFFIX
    node.camera.subscribe(node.params.camera_info_topic or topic_beside(topic), topic)
    kind = MESSAGE_TYPES[transport]
    node.image_watch.start(topic, kind._type)
    return rospy.Subscriber(topic, kind, node.on_image, queue_size=1, buff_size=BUFFER_BYTES, tcp_nodelay=True)


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


def start() -> Callable[[], None]:
    """The node's `run`, with images subscribed to; raises RelocalizationError."""
    cv2.setNumThreads(threads_of_one_task())
    node = make_node(read_params())
    subscriber = subscribe(node)
    MasterWatch(lambda: values_from_params(node.params)).start()
    rospy.loginfo(f"{node.params.bundle} localizes images on {subscriber.resolved_name}")
    return node.run


def main() -> int:
    """Run the node until it is shut down; 1 when parameters or the bundle are bad."""
    return run_node("relocalizer", start)

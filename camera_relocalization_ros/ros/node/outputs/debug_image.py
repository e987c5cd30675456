# SPDX-License-Identifier: BSD-3-Clause
"""`~debug_image`: the image with the object where the estimate puts it, drawn only while somebody looks."""

from __future__ import annotations

import math

import cv2
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.core.image_files import Picture
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.node.outputs.display_topic import DisplayTopic
from camera_relocalization_ros.vision.overlay import draw_pose, draw_text


class DebugImage(DisplayTopic):
    """`object_box` as DisplayTopic has it."""

    def __init__(self, object_box: tuple[float, ...]) -> None:
        super().__init__("~debug_image", Image, object_box)

    def publish(self, header: Header, picture: Picture, estimate: Estimate, camera: CameraIntrinsics | None) -> None:
        """Draw and publish, where somebody listens; of a LOST pose, or without intrinsics, only words are drawn."""
        if not self.listeners():
            return
        image_bgr = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2BGR)
        network = "" if math.isnan(estimate.inference_s) else f"   {estimate.inference_s * 1e3:.0f} ms"
        text = f"{estimate.state.name}   score {estimate.score:.2f}{network}"
        if estimate.state == State.LOST or camera is None:
            drawn = draw_text(image_bgr, text)
        else:
            T_parent_camera = pose_matrix(estimate.position, estimate.quat_xyzw)
            drawn = draw_pose(image_bgr, camera, T_parent_camera, self._edges, text)
        drawn_rgb = cv2.cvtColor(drawn, cv2.COLOR_BGR2RGB)
        self._publisher.publish(conversions.rgb_to_image(drawn_rgb, header.stamp.to_nsec(), header.frame_id))

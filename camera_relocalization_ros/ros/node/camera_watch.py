# SPDX-License-Identifier: BSD-3-Clause
"""Listens to camera_info beside the images and says when the camera is not the one the model was trained with."""

from __future__ import annotations

import rospy
from sensor_msgs.msg import CameraInfo

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.localization.camera_match import CameraMatch, match_camera
from camera_relocalization_ros.ros import conversions

WARNING_PERIOD_S = 5.0


class CameraWatch:
    """`match` compares the newest camera_info with a model; `camera` are its intrinsics, None while not known.

    topic: what is listened to, as the master knows it; "" before that.
    """

    def __init__(self, sidecar: BundleSidecar) -> None:
        self.camera: CameraIntrinsics | None = None
        self.match = CameraMatch("")
        self.topic = ""
        self._sidecar = sidecar
        self._newest: CameraInfo | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height as the newest camera_info says, None while it says nothing."""
        info = self._newest
        return (info.width, info.height) if info is not None and info.width and info.height else None

    @property
    def why_unknown(self) -> str:
        """Why landmarks cannot be found with the camera, "" when they can."""
        if self._newest is None:
            return f"no camera_info came yet on {self.topic}"
        return self.match.complaint

    @property
    def drawing_camera(self) -> CameraIntrinsics | None:
        """That of camera_info; while none fits, the training camera: with the same view, maybe of another size."""
        camera = self.camera if self.match.is_usable else None
        return camera or self._sidecar.camera

    def subscribe(self, topic: str) -> None:
        """Start to listen."""
        self.topic = rospy.resolve_name(topic)
        rospy.Subscriber(self.topic, CameraInfo, self.on_info, queue_size=1, tcp_nodelay=True)

    def use(self, sidecar: BundleSidecar) -> None:
        """Compare with another model from now on."""
        self._sidecar = sidecar
        if self._newest is not None:
            self._compare(self._newest)

    def on_info(self, message: CameraInfo) -> None:
        """Subscriber callback; cameras repeat themselves with each image, so most messages end here."""
        if self._newest is None or _content(message) != _content(self._newest):
            self._newest = message
            self._compare(message)

    def _compare(self, message: CameraInfo) -> None:
        try:
            self.camera = conversions.info_to_camera(message)
        except FrameError as error:
            self.camera, self.match = None, CameraMatch(f"camera_info: {error}")
        else:
            self.match = match_camera(self._sidecar, message.width, message.height, self.camera)
            if self.camera is None and not self.match.complaint:
                self.match = CameraMatch(f"camera_info on {self.topic} is not calibrated: K[0] is {message.K[0]:g}")
        if self.match.complaint:
            log = rospy.logwarn_throttle if self.match.is_usable else rospy.logerr_throttle
            # two drivers on one topic change it with every message
            log(WARNING_PERIOD_S, f"camera_info of {message.width}x{message.height} pixels: {self.match.complaint}")


def _content(message: CameraInfo) -> tuple:
    return message.width, message.height, message.distortion_model, tuple(message.K), tuple(message.D)


def topic_beside(image_topic: str) -> str:
    """camera_info in the namespace of an image topic, as image_transport has it: /camera/image_raw/compressed too."""
    if image_topic.endswith(conversions.COMPRESSED_SUFFIX):
        image_topic = image_topic[: -len(conversions.COMPRESSED_SUFFIX)]
    return f"{image_topic.rpartition('/')[0]}/camera_info"

# SPDX-License-Identifier: BSD-3-Clause
"""Listens to camera_info beside the images and says when the camera is not the one the model was trained with."""

from __future__ import annotations

import rospy
from sensor_msgs.msg import CameraInfo

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.camera import AUTO, CameraIntrinsics
from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.localization.camera_match import CameraMatch, match_camera
from camera_relocalization_ros.ros.picture_camera import PictureCamera, content, is_rectified, picture_camera

WARNING_PERIOD_S = 5.0


class CameraWatch:
    """`match` compares the newest camera_info with a model; `camera` are the intrinsics of the images, None while not
    known: those of the newest camera_info for images of the newest size. size: width and height of the images that it
    describes, None while it describes none.

    topic: what is listened to, as the master knows it; "" before that. rectification: what the images are, see
    picture_camera.
    """

    def __init__(self, sidecar: BundleSidecar, rectification: str = AUTO) -> None:
        self.camera: CameraIntrinsics | None = None
        self.match = CameraMatch("")
        self.topic = ""
        self.size: tuple[int, int] | None = None
        self._sidecar = sidecar
        self._rectification = rectification
        self._is_rectified = is_rectified("", rectification)
        self._newest: CameraInfo | None = None
        self._image_size: tuple[int, int] | None = None
        self._image_frame: str | None = None
        self._told: set[str] = set()

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

    def subscribe(self, topic: str, image_topic: str) -> None:
        """Start to listen; by the name of image_topic the images are rectified or not, where nobody says it."""
        self.topic = rospy.resolve_name(topic)
        self._is_rectified = is_rectified(image_topic, self._rectification)
        rospy.Subscriber(self.topic, CameraInfo, self.on_info, queue_size=1, tcp_nodelay=True)

    def use(self, sidecar: BundleSidecar) -> None:
        """Compare with another model from now on."""
        self._sidecar = sidecar
        if self._newest is not None:
            self._compare(self._newest)

    def on_info(self, message: CameraInfo) -> None:
        """Subscriber callback; cameras repeat themselves with each image, so most messages end here."""
        if self._newest is None or content(message) != content(self._newest):
            self._newest = message
            self._compare(message)

    def on_image(self, width: int, height: int, frame_id: str) -> None:
        """What the next image is; most repeat the one before."""
        if (width, height) == self._image_size and frame_id == self._image_frame:
            return
        self._image_size, self._image_frame = (width, height), frame_id
        if self._newest is not None:
            self._compare(self._newest)

    def _compare(self, message: CameraInfo) -> None:
        self.size = None
        try:
            found = self._picture_camera(message)
        except FrameError as error:
            self.camera, self.match = None, CameraMatch(f"camera_info: {error}")
            found = PictureCamera(None)
        if self.match.complaint:
            log = rospy.logwarn_throttle if self.match.is_usable else rospy.logerr_throttle
            # two drivers on one topic change it with every message
            log(WARNING_PERIOD_S, f"camera_info of {message.width}x{message.height} pixels: {self.match.complaint}")
        for note in (*found.notes, *self._frames_note(message)):
            self._tell(note)

    def _picture_camera(self, message: CameraInfo) -> PictureCamera:
        """Set `camera` and `match`; raises FrameError."""
        promised = picture_camera(message, self._is_rectified).camera
        width, height = (promised or message).width, (promised or message).height
        self.size = (width, height) if width and height else None
        match, found = match_camera(self._sidecar, width, height, promised), PictureCamera(promised)
        if promised is None and not match.complaint:
            match = CameraMatch(f"camera_info on {self.topic} is not calibrated: K[0] is {message.K[0]:g}")
        elif promised is not None and match.is_usable and self._image_size is not None:
            found = picture_camera(message, self._is_rectified, self._image_size)
            match = match_camera(self._sidecar, *self._image_size, found.camera)
        self.camera, self.match = found.camera, match
        return found

    def _frames_note(self, message: CameraInfo) -> tuple[str, ...]:
        frame = message.header.frame_id
        if self._image_frame in (None, "", frame) or not frame:
            return ()
        note = f"camera_info on {self.topic} is of frame {frame!r}, the images are of {self._image_frame!r}"
        return (f"{note}; taken as the same camera, else set ~camera_info_topic",)

    def _tell(self, note: str) -> None:
        """Say once in the log how the camera was found."""
        if note not in self._told and len(self._told) < 20:
            self._told.add(note)
            rospy.logwarn(note)

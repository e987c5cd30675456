# SPDX-License-Identifier: BSD-3-Clause
"""The intrinsics of a bag's pictures, from all camera_info that goes with them or from a file that takes its place."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields
from typing import Any, Sequence

import numpy as np
import rosbag

from camera_relocalization_ros.core.camera import AUTO, CameraIntrinsics
from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.ros.bags.reader import read_messages, topic_types
from camera_relocalization_ros.ros.conversions import message_to_bgr
from camera_relocalization_ros.ros.picture_camera import content, is_rectified, picture_camera, topic_beside
from camera_relocalization_ros.vision.image_transform import ImageTransform

CAMERA_INFO_TYPE = "sensor_msgs/CameraInfo"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CameraChoice:
    """Where the intrinsics of pictures come from.

    `given` takes the place of camera_info; info_topic names the camera_info to use, "" the one beside the images;
    rectification is that of picture_camera.
    """

    given: CameraIntrinsics | None = None
    info_topic: str = ""
    rectification: str = AUTO


@dataclass(frozen=True)
class RecordedCameras:
    """The cameras (n,) of a topic's pictures and the stamps (n,) int64 from which on each holds; none: not known."""

    stamps_ns: np.ndarray
    cameras: tuple[CameraIntrinsics, ...]

    @property
    def distinct(self) -> tuple[CameraIntrinsics, ...]:
        """Each camera once, in the order of their first pictures."""
        return tuple(dict.fromkeys(self.cameras))

    def only(self, source: str) -> CameraIntrinsics | None:
        """The one camera of all pictures, None where it is not known.

        Raises BagError that names the source where the camera changes in flight.
        """
        if len(self.distinct) > 1:
            raise BagError(f"{source}: {_change_text(self.distinct)}; expected one camera, as in --camera FILE")
        return self.cameras[0] if self.cameras else None

    def at(self, stamp_ns: int) -> CameraIntrinsics | None:
        """The camera of the picture with this stamp: that of camera_info with the same, else the last one before."""
        if not self.cameras:
            return None
        return self.cameras[max(int(np.searchsorted(self.stamps_ns, stamp_ns, side="right")) - 1, 0)]


@dataclass(frozen=True)
class PictureTransforms:
    """What is done to each of a topic's pictures, by its camera; the settings are those of ImageTransform."""

    recorded: RecordedCameras
    resize: tuple[int, int] | None = None
    undistort: bool = False
    _made: dict[CameraIntrinsics | None, ImageTransform] = field(default_factory=dict)

    def at(self, stamp_ns: int) -> ImageTransform:
        """That of the picture with this stamp, which knows the camera of what comes out."""
        return self._of(self.recorded.at(stamp_ns))

    @property
    def cameras(self) -> tuple[CameraIntrinsics | None, ...]:
        """Those of the pictures that come out, each once; None alone where they are not known."""
        return tuple(self._of(camera).camera for camera in self.recorded.distinct or (None,))

    def _of(self, camera: CameraIntrinsics | None) -> ImageTransform:
        if camera not in self._made:
            self._made[camera] = ImageTransform(camera, self.resize, self.undistort)
        return self._made[camera]


def recorded_cameras(bag: rosbag.Bag, topic: str, choice: CameraChoice = CameraChoice()) -> RecordedCameras:
    """The intrinsics of the pictures of an image topic, whose size they fit; what a user should know is logged.

    Raises BagError for a camera that is none, and for pictures that camera_info does not describe.
    """
    size, frame = _first_picture(bag, topic)
    if choice.given is not None:
        return RecordedCameras(np.zeros(1, dtype=np.int64), (_resized(bag, choice.given, size),))
    info_topic = _camera_info_topic(bag, topic, frame, choice.info_topic)
    if info_topic is None:
        return RecordedCameras(np.empty(0, dtype=np.int64), ())
    try:
        return _read(bag, info_topic, frame, is_rectified(topic, choice.rectification), size)
    except FrameError as error:
        raise BagError(f"{bag.filename}: topic {info_topic!r}: {error}") from error


def read_camera(bag: rosbag.Bag, topic: str, choice: CameraChoice = CameraChoice()) -> CameraIntrinsics | None:
    """The one camera of an image topic's pictures; None when it is not known, or is uncalibrated.

    Raises BagError as `recorded_cameras` does, and where the camera changes in flight.
    """
    return recorded_cameras(bag, topic, choice).only(bag.filename)


def _first_picture(bag: rosbag.Bag, topic: str) -> tuple[tuple[int, int] | None, str]:
    """Size (width, height) of the first picture that decodes, None where none does, and the frame of the images."""
    frame = None
    # as they arrived: to have them in the order of their stamps would be to read 32 for one
    for _, message, _ in read_messages(bag, [topic]):
        frame = message.header.frame_id if frame is None else frame
        try:
            height, width = message_to_bgr(message).shape[:2]
        except FrameError:
            continue
        return (width, height), frame
    return None, frame or ""


def _resized(bag: rosbag.Bag, camera: CameraIntrinsics, size: tuple[int, int] | None) -> CameraIntrinsics:
    """A camera that was given, for pictures of this size."""
    if size in (None, (camera.width, camera.height)):
        return camera
    what = f"{bag.filename}: images are {size[0]}x{size[1]}, intrinsics are for {camera.width}x{camera.height}"
    if abs(size[0] * camera.height - size[1] * camera.width) > max(size):
        raise BagError(f"{what}; expected these proportions")
    logger.warning("%s; scaled", what)
    return camera.scaled(*size)


def _camera_info_topic(bag: rosbag.Bag, topic: str, frame: str, wanted: str) -> str | None:
    """The camera_info that goes with the images of a topic and frame; None, and a warning, when none is sure to.

    Raises BagError when the `wanted` one is not there.
    """
    known = {name: _frame_of(bag, name) for name, kind in topic_types(bag).items() if kind == CAMERA_INFO_TYPE}
    for name in (wanted, f"/{wanted}") if wanted else (topic_beside(topic),):
        if name in known:
            if frame and known[name] not in ("", frame):
                text = "%s: %s is of frame %r, the images are of %r; taken as the same camera"
                logger.warning(text, bag.filename, name, known[name], frame)
            return name
    if wanted:
        raise BagError(f"{bag.filename}: no camera_info on {wanted!r}; it has {', '.join(sorted(known)) or 'none'}")
    alike = [name for name, other in known.items() if frame and other == frame]
    if len(alike) == 1:
        logger.info("%s: %s, of the images' frame %r, is their camera_info", bag.filename, alike[0], frame)
        return alike[0]
    if known:
        logger.warning(
            "%s: intrinsics stay unknown: no camera_info beside %s, and %s is of no such frame as the images' %r; "
            "--camera-info TOPIC takes one all the same, --camera FILE brings other intrinsics",
            *(bag.filename, topic, ", ".join(f"{name} (frame {other!r})" for name, other in known.items()), frame),
        )
    return None


def _frame_of(bag: rosbag.Bag, info_topic: str) -> str:
    _, message, _ = next(iter(read_messages(bag, [info_topic])))
    frame: str = message.header.frame_id
    return frame


def _read(
    bag: rosbag.Bag, info_topic: str, frame: str, rectified: bool, size: tuple[int, int] | None
) -> RecordedCameras:
    """All cameras of a topic; raises FrameError."""
    found, notes = [], dict.fromkeys([""])
    for stamp_ns, message in _changes(bag, info_topic, frame):
        picture = picture_camera(message, rectified, size)
        notes.update(dict.fromkeys(picture.notes))
        if picture.camera is not None:
            found.append((stamp_ns, picture.camera))
    for note in filter(None, notes):
        logger.warning("%s: %s", bag.filename, note)
    cameras = tuple(camera for _, camera in found)
    if len(set(cameras)) > 1:
        logger.warning("%s: %s: %s", bag.filename, info_topic, _change_text(cameras))
    return RecordedCameras(np.array([stamp_ns for stamp_ns, _ in found], dtype=np.int64), cameras)


def _changes(bag: rosbag.Bag, info_topic: str, frame: str) -> list[tuple[int, Any]]:
    """Stamp and message of each camera_info that says something new, by their stamps; those of `frame` where some are.

    A stamp is that of the header, where it has one.
    """
    messages = [(message, received) for _, message, received in read_messages(bag, [info_topic])]
    own = [pair for pair in messages if pair[0].header.frame_id == frame] or messages
    stamped = [((message.header.stamp or received).to_nsec(), message) for message, received in own]
    stamped.sort(key=lambda pair: pair[0])
    contents = [content(message) for _, message in stamped]
    return [pair for n, pair in enumerate(stamped) if n == 0 or contents[n] != contents[n - 1]]


def _change_text(cameras: Sequence[CameraIntrinsics]) -> str:
    focal = [camera.fx for camera in cameras]
    changing = [one.name for one in fields(CameraIntrinsics) if len({getattr(each, one.name) for each in cameras}) > 1]
    change = f"fx {min(focal):.1f} to {max(focal):.1f}" if "fx" in changing else ", ".join(changing)
    return f"the camera changes in flight, {change} ({len(set(cameras))} cameras)"

# SPDX-License-Identifier: BSD-3-Clause
"""Which intrinsics fit a picture, from its CameraInfo, its size and its topic: the one answer, in flight and offline.

CameraInfo describes the whole sensor; a picture is a window of it (roi), averaged (binning), resized, or rectified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Iterable

import numpy as np
from sensor_msgs.msg import CameraInfo

from camera_relocalization_ros.core.camera import AUTO, RECTIFIED, CameraIntrinsics
from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.ros.conversions import COMPRESSED_SUFFIX, info_to_camera

# image_proc's image_rect, image_rect_color and image_rect_mono, and what others write
RECTIFIED_WORDS = {"rect", "rectified", "rectify", "undist", "undistort", "undistorted"}
# a rectifying rotation below this (rad) is that of a camera by itself
LEAST_TURN = 1e-3


@dataclass(frozen=True)
class PictureCamera:
    """`camera` took the picture, None where that is not known; notes: what a user should know of the choice."""

    camera: CameraIntrinsics | None
    notes: tuple[str, ...] = ()


def topic_beside(image_topic: str) -> str:
    """camera_info in the namespace of an image topic, as image_transport has it: /camera/image_raw/compressed too."""
    if image_topic.endswith(COMPRESSED_SUFFIX):
        image_topic = image_topic[: -len(COMPRESSED_SUFFIX)]
    return f"{image_topic.rpartition('/')[0]}/camera_info"


def is_rectified(image_topic: str, rectification: str = AUTO) -> bool:
    """Whether the pictures of a topic are rectified: as `rectification` says, with auto by a word of the name."""
    if rectification != AUTO:
        return rectification == RECTIFIED
    return not RECTIFIED_WORDS.isdisjoint(re.split(r"[/_]", image_topic.lower()))


def content(message: CameraInfo) -> tuple:
    """All that a CameraInfo says of its camera; what differs from one message to the next without it is its header."""
    roi = message.roi
    window = (roi.x_offset, roi.y_offset, roi.width, roi.height)
    numbers = (message.width, message.height, message.distortion_model, message.binning_x, message.binning_y)
    return (*numbers, *window, tuple(message.K), tuple(message.D), tuple(message.R), tuple(message.P))


def picture_camera(message: CameraInfo, rectified: bool, size: tuple[int, int] | None = None) -> PictureCamera:
    """The camera of a picture of `size` (width, height), None for the size that CameraInfo promises.

    rectified: P and no distortion instead of K and D. Raises FrameError for numbers that describe no camera, and for a
    picture that is neither what CameraInfo describes nor that resized.
    """
    try:
        return _picture_camera(message, rectified, size)
    except ValueError as error:
        # of P, or of K once it is moved by roi or scaled
        raise FrameError(str(error)) from error


def _picture_camera(message: CameraInfo, rectified: bool, size: tuple[int, int] | None) -> PictureCamera:
    sensor, notes = _sensor(message, rectified)
    if sensor is None:
        return PictureCamera(None)
    if size is None:
        return PictureCamera(_promised(message, sensor), notes)
    camera, note = _fitted(message, sensor, size)
    notes += (note,) if note else ()
    share = camera.blind_share()
    if share:
        notes += (
            f"the distortion {_short(camera.distortion)} bends back on itself within the picture ({100 * share:.0f} % "
            "of it): it does not belong to these pictures; rectified ones need rectification: rectified",
        )
    return PictureCamera(camera, notes)


def _sensor(message: CameraInfo, rectified: bool) -> tuple[CameraIntrinsics | None, tuple[str, ...]]:
    """The camera with its whole sensor, and what to say of it."""
    raw = info_to_camera(message)
    if not rectified or raw is None:
        return raw, ()
    P = np.reshape(message.P, (3, 4))
    if not (np.isfinite(P).all() and P[0, 0] > 0 and P[1, 1] > 0):
        if not raw.is_distorted:
            return raw, ()
        raise FrameError(f"rectified pictures need P, which is {_short(message.P)}; expected a calibrated camera")
    fx, fy, cx, cy = (float(P[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2)))
    camera = replace(raw.undistorted(), fx=fx, fy=fy, cx=cx, cy=cy)
    notes: tuple[str, ...] = (
        f"pictures are rectified: P and no distortion, fx {camera.fx:.1f} instead of {raw.fx:.1f}",
    )
    turn = _turn(message)
    if turn > LEAST_TURN:
        notes += (f"their camera is turned by {np.degrees(turn):.2f} deg against the unrectified one (R)",)
    return camera, notes


def _turn(message: CameraInfo) -> float:
    """The angle (rad) of R; 0 where it is left empty."""
    R = np.reshape(message.R, (3, 3))
    return float(np.arccos(np.clip((np.trace(R) - 1) / 2, -1.0, 1.0))) if R.any() and np.isfinite(R).all() else 0.0


def _promised(message: CameraInfo, sensor: CameraIntrinsics) -> CameraIntrinsics:
    """What the sensor's window shows after binning; raises FrameError for a window that leads out of it."""
    return _binned(message, _window(message, sensor))


def _window(message: CameraInfo, sensor: CameraIntrinsics) -> CameraIntrinsics:
    roi = message.roi
    if not (roi.width and roi.height):
        return sensor
    if roi.x_offset + roi.width > sensor.width or roi.y_offset + roi.height > sensor.height:
        window = f"roi of {roi.width}x{roi.height} pixels from {roi.x_offset}, {roi.y_offset}"
        raise FrameError(f"{window} leads out of {sensor.width}x{sensor.height}; expected pixels of the whole sensor")
    return sensor.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)


def _binned(message: CameraInfo, window: CameraIntrinsics) -> CameraIntrinsics:
    across, down = max(message.binning_x, 1), max(message.binning_y, 1)
    width, height = window.width // across, window.height // down
    if not (width and height):
        raise FrameError(f"binning of {across}x{down} leaves nothing of {window.width}x{window.height} pixels")
    # pixels that do not fill a bin are dropped
    return window.cropped(0, 0, width * across, height * down).scaled(width, height)


def _fitted(message: CameraInfo, sensor: CameraIntrinsics, size: tuple[int, int]) -> tuple[CameraIntrinsics, str]:
    """The camera of a picture of this size, and how CameraInfo had to be read for it; "" where as it is meant."""
    promised = _promised(message, sensor)
    if size == (promised.width, promised.height):
        return promised, ""
    what = f"images are {_text(size)}, camera_info is for {_text((promised.width, promised.height))}"
    for ignored, camera in (("roi", _binned(message, sensor)), ("binning", _window(message, sensor))):
        if size == (camera.width, camera.height):
            return camera, f"{what}; without its {ignored} it fits, so that was not applied to them"
    if abs(size[0] * promised.height - size[1] * promised.width) <= max(size):
        return promised.scaled(*size), f"{what}; scaled"
    raise FrameError(
        f"{what}; expected these proportions: who cut or squeezed the images must send the camera_info that fits them"
    )


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _short(numbers: Iterable[float]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in numbers) + "]"

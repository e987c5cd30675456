# SPDX-License-Identifier: BSD-3-Clause
"""Does the camera that flies see as the one that the model was trained with? Compared in pixels of the network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ShapeError

# a focal length that is wrong by this share moves what is 3 m away by 15 cm: about the error of a model
MAX_FOCAL_CHANGE = 0.05
# and so does a principal point that is off by this share of the focal length
MAX_CENTRE_SHIFT = 0.05


@dataclass(frozen=True)
class CameraMatch:
    """`complaint` is "" when the camera fits; `is_usable` is False when none of its images can be localized."""

    complaint: str
    is_usable: bool = True


def match_camera(sidecar: BundleSidecar, width: int, height: int, camera: CameraIntrinsics | None) -> CameraMatch:
    """Compare a camera of width x height pixels and, where they are known, its intrinsics with the training camera."""
    try:
        sidecar.preprocessing.check_size(width, height)
    except (ShapeError, ZeroDivisionError) as error:
        return CameraMatch(str(error) if width and height else f"camera of {width}x{height} pixels", is_usable=False)
    if camera is None or sidecar.camera is None:
        return CameraMatch("")
    size = (sidecar.preprocessing.width, sidecar.preprocessing.height)
    flown, trained = camera.scaled(*size), sidecar.camera.scaled(*size)
    return CameraMatch(_focal_complaint(flown, trained) or _centre_complaint(flown, trained))


def _focal_complaint(flown: CameraIntrinsics, trained: CameraIntrinsics) -> str:
    if max(abs(flown.fx / trained.fx - 1.0), abs(flown.fy / trained.fy - 1.0)) <= MAX_FOCAL_CHANGE:
        return ""
    return (
        f"the camera sees {_view_deg(flown):.1f} deg from side to side, focal length {flown.fx:.1f} network pixels; "
        f"the model was trained with {_view_deg(trained):.1f} deg, {trained.fx:.1f} pixels: expect wrong distances"
    )


def _centre_complaint(flown: CameraIntrinsics, trained: CameraIntrinsics) -> str:
    """Seen so far from its middle, an image is cropped, of another size, or of another camera."""
    if max(abs(flown.cx - trained.cx) / trained.fx, abs(flown.cy - trained.cy) / trained.fy) <= MAX_CENTRE_SHIFT:
        return ""
    return (
        f"the camera's principal point is at {flown.cx:.1f}, {flown.cy:.1f} network pixels; the model was trained with "
        f"{trained.cx:.1f}, {trained.cy:.1f}: expect poses that lie to the side"
    )


def _view_deg(camera: CameraIntrinsics) -> float:
    return math.degrees(2.0 * math.atan2(camera.width, 2.0 * camera.fx))

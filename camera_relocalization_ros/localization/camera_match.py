# SPDX-License-Identifier: BSD-3-Clause
"""Does the camera that flies see as the one that the model was trained with? Compared in pixels of the network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ShapeError

# a focal length that is wrong by this share moves what is 3 m away by 15 cm: about the error of a model
MAX_FOCAL_CHANGE = 0.05
# and so does a principal point that is off by this share of the focal length
MAX_CENTRE_SHIFT = 0.05
# of the rays of nine pixels in ten, on z = 1: what lenses of one kind differ by is less, a fisheye differs by more
MAX_LENS_CHANGE = 0.1


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
    # of the whole image, also where a part of it is cut out
    size = sidecar.preprocessing.whole
    try:
        return CameraMatch(compare_cameras(camera.scaled(*size), sidecar.camera.scaled(*size)))
    except ValueError as error:
        return CameraMatch(str(error))


def compare_cameras(flown: CameraIntrinsics, trained: CameraIntrinsics) -> str:
    """In which a camera differs too much from the training camera to fly with its model, "" where in nothing."""
    flown = flown.scaled(trained.width, trained.height)
    complaints = (complain(flown, trained) for complain in (_focal_complaint, _centre_complaint, _lens_complaint))
    return next(filter(None, complaints), "")


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


def _lens_complaint(flown: CameraIntrinsics, trained: CameraIntrinsics) -> str:
    """With the same focal length, a fisheye sees more than a pinhole, and so does one barrel than another."""
    columns, rows = np.meshgrid(np.linspace(0, flown.width - 1, 12), np.linspace(0, flown.height - 1, 8))
    pixels = np.column_stack([columns.ravel(), rows.ravel()])
    change = np.linalg.norm(flown.rays(pixels) - trained.rays(pixels), axis=1)
    seen = np.isfinite(change)
    if seen.any() and np.quantile(change[seen], 0.9) <= MAX_LENS_CHANGE:
        return ""
    return (
        f"the camera's lens ({_lens(flown)}) bends the picture otherwise than that which the model was trained with "
        f"({_lens(trained)}): expect wrong poses"
    )


def _lens(camera: CameraIntrinsics) -> str:
    return f"{camera.distortion_model} {', '.join(f'{value:g}' for value in camera.distortion)}"


def _view_deg(camera: CameraIntrinsics) -> float:
    return math.degrees(2.0 * math.atan2(camera.width, 2.0 * camera.fx))

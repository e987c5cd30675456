# SPDX-License-Identifier: BSD-3-Clause
"""Kinds of cameras: the lens, the shutter, the exposure's automatics and the video link's compression."""

from __future__ import annotations

from dataclasses import dataclass

from camera_relocalization_ros.core.camera import EQUIDISTANT, CameraIntrinsics

# the X3's stream at 1280x720: about 79 degrees horizontally
X3_CAMERA = CameraIntrinsics(width=1280, height=720, fx=777.0, fy=777.0, cx=639.5, cy=359.5)
# a wide action camera: 115 degrees horizontally
FISHEYE_CAMERA = CameraIntrinsics(1280, 720, 640.0, 640.0, 639.5, 359.5, (-0.012, 0.004, -0.001, 0.0), EQUIDISTANT)
LIGHT_JPEG, HEAVY_JPEG = 88, 35


@dataclass(frozen=True)
class CameraKind:
    """What a camera does to its pictures beside noise and motion blur.

    intrinsics: at 1280x720. readout_s: from the first row to the last; 0 of a global shutter, and a stamp is that of
    the middle row. exposure_swing: by which share the automatics let the brightness go up and down in a flight.
    """

    intrinsics: CameraIntrinsics = X3_CAMERA
    readout_s: float = 0.0
    exposure_swing: float = 0.0
    jpeg_quality: int = LIGHT_JPEG

# SPDX-License-Identifier: BSD-3-Clause
"""The pinhole camera with plumb-bob distortion, as sensor_msgs/CameraInfo describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple  # read from YAML: evaluated at run time

import cv2
import numpy as np

# until pixel and projected ray agree to a millionth of a pixel; OpenCV's default of five steps is off by pixels
UNDISTORTION = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-6)
# a pixel whose best ray projects further away than this lies where the distortion model bends back on itself
MAX_ROUND_TRIP_PX = 0.01
# distortion models of CameraInfo whose coefficients OpenCV takes as they are
DISTORTION_MODELS = ("plumb_bob", "rational_polynomial", "")  # DJI's driver leaves it empty


@dataclass(frozen=True)
class CameraIntrinsics:
    """Image size in pixels, focal lengths and principal point in pixels, distortion k1 k2 p1 p2 k3."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: Tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)

    @property
    def matrix(self) -> np.ndarray:
        """K (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def scaled(self, width: int, height: int) -> CameraIntrinsics:
        """The same camera after its image was resized; pixel centres lie at whole numbers."""
        sx, sy = width / self.width, height / self.height
        return CameraIntrinsics(
            width,
            height,
            self.fx * sx,
            self.fy * sy,
            (self.cx + 0.5) * sx - 0.5,
            (self.cy + 0.5) * sy - 0.5,
            self.distortion,
        )

    def project(self, points_camera: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of points (N, 3) in the optical frame; NaN for points behind the camera."""
        points = np.asarray(points_camera, dtype=np.float64).reshape(-1, 3)
        pixels = np.full((len(points), 2), np.nan)
        in_front = points[:, 2] > 1e-6
        if in_front.any():
            projected, _ = cv2.projectPoints(
                points[in_front], np.zeros(3), np.zeros(3), self.matrix, np.array(self.distortion)
            )
            pixels[in_front] = projected.reshape(-1, 2)
        return pixels

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """x/z and y/z (N, 2) in the optical frame of what is seen at pixels (N, 2); NaN where the lens has no such ray.

        The inverse of `project`. Coefficients that were fitted to the middle of the image often describe no lens
        near its corners.
        """
        pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
        if not len(pixels):
            return pixels.copy()
        distortion = np.array(self.distortion)
        found = cv2.undistortPointsIter(pixels[:, None], self.matrix, distortion, None, None, UNDISTORTION)
        rays: np.ndarray = found[:, 0]
        if distortion.any():
            back = self.project(np.column_stack([rays, np.ones(len(rays))]))
            rays[~(np.linalg.norm(back - pixels, axis=1) < MAX_ROUND_TRIP_PX)] = np.nan
        return rays

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
# how many coefficients OpenCV takes
DISTORTION_LENGTHS = (0, 4, 5, 8, 12, 14)
# beyond these lies no camera, but a file that was damaged or is of something else
MAX_SIDE, MAX_FOCAL_PX, MAX_CENTRE_PX, MAX_DISTORTION = 65536, 1e7, 1e6, 1e6


@dataclass(frozen=True)
class CameraIntrinsics:
    """Image size in pixels, focal lengths and principal point in pixels, distortion k1 k2 p1 p2 k3.

    Raises ValueError for numbers that describe no camera, from wherever they come.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: Tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        for name, side in (("width", self.width), ("height", self.height)):
            _check(f"camera {name}", side, 1 <= side <= MAX_SIDE, f"1 to {MAX_SIDE} pixels")
        for name, focal in (("fx", self.fx), ("fy", self.fy)):
            _check(f"camera {name}", focal, 0 < focal <= MAX_FOCAL_PX, f"above 0, at most {MAX_FOCAL_PX:g} pixels")
        for name, centre in (("cx", self.cx), ("cy", self.cy)):
            _check(f"camera {name}", centre, abs(centre) <= MAX_CENTRE_PX, f"at most {MAX_CENTRE_PX:g} pixels away")
        fits = len(self.distortion) in DISTORTION_LENGTHS and all(abs(k) <= MAX_DISTORTION for k in self.distortion)
        expected = f"{', '.join(map(str, DISTORTION_LENGTHS))} coefficients of at most {MAX_DISTORTION:g}"
        _check("camera distortion", self.distortion, fits, expected)

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


def _check(key: str, found: object, fits: bool, expected: str) -> None:
    # nothing fits a NaN
    if not fits:
        raise ValueError(f"{key} is {found!r}; expected {expected}")

# SPDX-License-Identifier: BSD-3-Clause
"""Cameras as sensor_msgs/CameraInfo describes them: a pinhole with plumb-bob or rational distortion, or a fisheye."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Tuple  # read from YAML: evaluated at run time

import cv2
import numpy as np

from camera_relocalization_ros.core.plain_values import OMITTED_DEFAULT

# until pixel and projected ray agree to a millionth of a pixel; OpenCV's default of five steps is off by pixels
UNDISTORTION = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-6)
# a pixel whose best ray projects further away than this lies where the distortion model bends back on itself
MAX_ROUND_TRIP_PX = 0.01
# the fisheye of Kannala and Brandt (2006) as OpenCV, kalibr and CameraInfo have it: k1 k2 k3 k4 of the angle
PLUMB_BOB, EQUIDISTANT = "plumb_bob", "equidistant"
# of each distortion model how many coefficients OpenCV takes; of a pinhole, as many as there are make the model
DISTORTION_LENGTHS = {PLUMB_BOB: (0, 4, 5, 8, 12, 14), EQUIDISTANT: (0, 4)}
# beyond these lies no camera, but a file that was damaged or is of something else
MAX_SIDE, MAX_FOCAL_PX, MAX_CENTRE_PX, MAX_DISTORTION = 65536, 1e7, 1e6, 1e6
# of the picture's side: a pinhole that sees 170 degrees, which no lens does without a distortion of another model
LEAST_FOCAL_SHARE = 0.04
# what others call them; DJI's driver leaves the name empty
MODEL_NAMES = {
    **dict.fromkeys(("", "none", PLUMB_BOB, "radtan", "rational_polynomial"), PLUMB_BOB),
    **dict.fromkeys((EQUIDISTANT, "equi", "fisheye", "kannala_brandt"), EQUIDISTANT),
}
# what the pictures of a topic are: as its name says, or as the user does
AUTO, RAW, RECTIFIED = RECTIFICATIONS = ("auto", "raw", "rectified")
# further off the axis than this a fisheye's ray is no use on z = 1, where a pixel is 30 times as large as in the middle
MAX_ANGLE = np.radians(80.0)
NEWTON_STEPS = 20
# columns and rows of the grid on which a picture is tried for rays
GRID = (33, 25)


def distortion_model(name: str) -> str:
    """plumb_bob or equidistant, by any of its usual names; raises ValueError that lists them for another model."""
    found = MODEL_NAMES.get(name.lower())
    if found is None:
        raise ValueError(f"distortion model {name!r}; expected one of {sorted(filter(None, MODEL_NAMES))}")
    return found


@dataclass(frozen=True)
class CameraIntrinsics:
    """Image size in pixels, focal lengths and principal point in pixels, distortion as OpenCV orders it.

    distortion_model: plumb_bob, whose k1 k2 p1 p2 k3 may go on as in OpenCV's rational model, or equidistant with
    k1 k2 k3 k4. Raises ValueError for any other, and for numbers that describe no camera, from
    wherever they come.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: Tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    distortion_model: str = field(default=PLUMB_BOB, metadata={OMITTED_DEFAULT: True})

    def __post_init__(self) -> None:
        for name, side in (("width", self.width), ("height", self.height)):
            _check(f"camera {name}", side, 1 <= side <= MAX_SIDE, f"1 to {MAX_SIDE} pixels")
        for name, focal, side in (("fx", self.fx, self.width), ("fy", self.fy, self.height)):
            _check(f"camera {name}", focal, 0 < focal <= MAX_FOCAL_PX, f"above 0, at most {MAX_FOCAL_PX:g} pixels")
            least = f"pixels, {LEAST_FOCAL_SHARE * side:g} at least (were all numbers divided by the picture's size?)"
            _check(f"camera {name}", focal, focal >= LEAST_FOCAL_SHARE * side, least)
        for name, centre in (("cx", self.cx), ("cy", self.cy)):
            _check(f"camera {name}", centre, abs(centre) <= MAX_CENTRE_PX, f"at most {MAX_CENTRE_PX:g} pixels away")
        lengths = DISTORTION_LENGTHS.get(self.distortion_model, ())
        known = f"one of {', '.join(DISTORTION_LENGTHS)}"
        _check("camera distortion_model", self.distortion_model, bool(lengths), known)
        fits = len(self.distortion) in lengths and all(abs(k) <= MAX_DISTORTION for k in self.distortion)
        expected = f"{', '.join(map(str, lengths))} coefficients of at most {MAX_DISTORTION:g}"
        _check("camera distortion", self.distortion, fits, expected)

    @property
    def matrix(self) -> np.ndarray:
        """K (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def is_fisheye(self) -> bool:
        """Whether the image's radius goes with the angle and not, as a pinhole's, with its tangent."""
        return self.distortion_model == EQUIDISTANT

    @property
    def is_distorted(self) -> bool:
        """Whether straight lines are bent."""
        return self.is_fisheye or any(self.distortion)

    def scaled(self, width: int, height: int) -> CameraIntrinsics:
        """The same camera after its image was resized; pixel centres lie at whole numbers."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return replace(self, width=width, height=height, fx=self.fx * sx, fy=self.fy * sy, cx=cx, cy=cy)

    def cropped(self, x: int, y: int, width: int, height: int) -> CameraIntrinsics:
        """The same camera when only the window of this size from pixel x, y on is kept."""
        return replace(self, width=width, height=height, cx=self.cx - x, cy=self.cy - y)

    def undistorted(self) -> CameraIntrinsics:
        """The pinhole with the same matrix and no distortion."""
        return replace(self, distortion=(0.0,) * 5, distortion_model=PLUMB_BOB)

    def pixels(self) -> np.ndarray:
        """The centres (H * W, 2) of all pixels, row by row."""
        columns, rows = np.meshgrid(np.arange(self.width, dtype=np.float64), np.arange(self.height, dtype=np.float64))
        return np.column_stack([columns.ravel(), rows.ravel()])

    def project(self, points_camera: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of points (N, 3) in the optical frame; NaN for points behind the camera."""
        points = np.asarray(points_camera, dtype=np.float64).reshape(-1, 3)
        pixels = np.full((len(points), 2), np.nan)
        in_front = points[:, 2] > 1e-6
        if not in_front.any():
            return pixels
        if self.is_fisheye:
            bent = self._bent(points[in_front])
            pixels[in_front] = bent * [self.fx, self.fy] + [self.cx, self.cy]
        else:
            nowhere = np.zeros(3)
            found, _ = cv2.projectPoints(points[in_front], nowhere, nowhere, self.matrix, np.array(self.distortion))
            pixels[in_front] = found.reshape(-1, 2)
        return pixels

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """x/z and y/z (N, 2) in the optical frame of what is seen at pixels (N, 2); NaN where the lens has no such ray.

        The inverse of `project`. Coefficients that were fitted to the middle of the image often describe no lens
        near its corners. A fisheye has rays up to 80 degrees from its axis.
        """
        pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
        if not len(pixels):
            return pixels.copy()
        if self.is_fisheye:
            return self._straight((pixels - [self.cx, self.cy]) / [self.fx, self.fy])
        distortion = np.array(self.distortion)
        found = cv2.undistortPointsIter(pixels[:, None], self.matrix, distortion, None, None, UNDISTORTION)
        rays: np.ndarray = found[:, 0]
        if distortion.any():
            back = self.project(np.column_stack([rays, np.ones(len(rays))]))
            rays[~(np.linalg.norm(back - pixels, axis=1) < MAX_ROUND_TRIP_PX)] = np.nan
        return rays

    def blind_share(self) -> float:
        """Which part of the picture, 0 to 1, the distortion does not reach: it shows coefficients of another picture.

        That a fisheye sees further than `rays` go is no fault of its coefficients, and does not count.
        """
        columns, rows = (np.linspace(0, side - 1, steps) for side, steps in zip((self.width, self.height), GRID))
        grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        if self.is_fisheye:
            fold = self._fold_angle()
            reach = self._bent_angle(np.array(fold))[0] if np.isfinite(fold) else np.inf
            offsets = (grid - [self.cx, self.cy]) / [self.fx, self.fy]
            return float(np.mean(np.linalg.norm(offsets, axis=1) > reach))
        rays = self.rays(grid)
        reached = np.isfinite(rays).all(axis=1)
        reached[reached] = ~self._is_folded(rays[reached])
        return float(1.0 - reached.mean())

    def _is_folded(self, rays: np.ndarray) -> np.ndarray:
        """Whether what lies further out than rays (N, 2) is seen further in: behind the bend of the polynomial."""
        here, further = (self.project(np.column_stack([rays * by, np.ones(len(rays))])) for by in (1.0, 1.0001))
        outwards = np.sum((further - here) * (here - [self.cx, self.cy]), axis=1)
        folded: np.ndarray = (outwards <= 0) & (np.linalg.norm(rays, axis=1) > 0.05)
        return folded

    def _bent(self, points: np.ndarray) -> np.ndarray:
        """Where a fisheye with focal length 1 sees points (N, 3) that are in front: (N, 2)."""
        radius = np.hypot(points[:, 0], points[:, 1])
        bent, _ = self._bent_angle(np.arctan2(radius, points[:, 2]))
        shares: np.ndarray = np.divide(bent, radius, out=1.0 / points[:, 2], where=radius > 1e-12)
        pixels: np.ndarray = points[:, :2] * shares[:, None]
        return pixels

    def _straight(self, bent: np.ndarray) -> np.ndarray:
        """The inverse of `_bent` with z = 1: rays (N, 2), NaN where there is none. Newton's method for the angle."""
        radius = np.hypot(bent[:, 0], bent[:, 1])
        angle = np.minimum(radius, MAX_ANGLE)
        for _ in range(NEWTON_STEPS):
            value, slope = self._bent_angle(angle)
            angle = np.clip(angle - (value - radius) / np.where(slope > 1e-3, slope, 1.0), 0.0, 1.01 * MAX_ANGLE)
        value, _ = self._bent_angle(angle)
        has_ray = (np.abs(value - radius) * self.fx < MAX_ROUND_TRIP_PX) & (angle <= MAX_ANGLE)
        has_ray &= angle < self._fold_angle()
        shares = np.divide(np.tan(angle), radius, out=np.ones_like(radius), where=radius > 1e-12)
        return np.where(has_ray[:, None], bent * shares[:, None], np.nan)

    def _bent_angle(self, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Radius of the image with focal length 1 at angles (rad) from the axis, and its slope."""
        coefficients = (1.0, *(self.distortion or (0.0,) * 4))
        square, value, slope = np.square(angle), np.zeros_like(angle), np.zeros_like(angle)
        # Horner's scheme: powers of whole arrays take ten times as long
        for number in range(len(coefficients) - 1, -1, -1):
            value = value * square + coefficients[number]
            slope = slope * square + (2 * number + 1) * coefficients[number]
        return value * angle, slope

    def _fold_angle(self) -> float:
        """The angle at which the polynomial bends back, infinite where it does not below MAX_ANGLE."""
        angles = np.linspace(0.0, MAX_ANGLE, 801)
        falling = self._bent_angle(angles)[1] <= 0
        return float(angles[falling.argmax()]) if falling.any() else np.inf


def _check(key: str, found: object, fits: bool, expected: str) -> None:
    # nothing fits a NaN
    if not fits:
        raise ValueError(f"{key} is {found!r}; expected {expected}")

# SPDX-License-Identifier: BSD-3-Clause
"""How a camera turned, as its images tell: a gyroscope without hardware; knows nothing of recorded poses."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, fields
from typing import Iterable, Sequence

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.vision.flow import Flow

# images are tracked at this width or less: rotation comes from the whole picture, not from its finest detail
TRACKING_WIDTH = 640
MIN_INLIERS = 40
# of each pair this many points are kept, some of them twice where there are fewer
RAYS = 100
# a point that does not come back to where it was, within this many pixels, was lost
MAX_ROUND_TRIP_PIXELS = 0.7
EPIPOLAR_PIXELS = 1.0
# pixels; smaller ones show too little to be found again
LEAST_WINDOW = 11


@dataclass(frozen=True)
class _Following:
    """How many corners are followed, in windows of so many pixels, from a picture halved so often on."""

    corners: int
    window: int
    halvings: int

    @classmethod
    def at(cls, width: int) -> _Following:
        """At a width: the same part of the picture, and of its corners, as at TRACKING_WIDTH."""
        share = width / TRACKING_WIDTH
        return cls(round(600 * share), max(2 * round(10 * share) + 1, LEAST_WINDOW), max(round(4 + np.log2(share)), 0))


@dataclass(frozen=True)
class RotationPairs:
    """Pairs of images: stamps (P,) int64 of both, and the rotation of the second camera in the first.

    rotvecs (P, 3): rotation vectors in radians, in the first camera's optical frame. first_rays and second_rays
    (P, RAYS, 2): where both see the same points, as x / z and y / z in their optical frames.
    """

    first_ns: np.ndarray
    second_ns: np.ndarray
    rotvecs: np.ndarray
    first_rays: np.ndarray
    second_rays: np.ndarray

    def __len__(self) -> int:
        return len(self.first_ns)

    def select(self, index: np.ndarray) -> RotationPairs:
        """The pairs at a mask or at indices."""
        return RotationPairs(*(getattr(self, field.name)[index] for field in fields(self)))


def visual_rotations(
    frames: Iterable[tuple[int, np.ndarray]],
    camera: CameraIntrinsics | Sequence[CameraIntrinsics],
    gap_s: float = 0.4,
    width: int = TRACKING_WIDTH,
) -> RotationPairs:
    """Rotations between images at least gap_s apart, and not more than three times that.

    `frames`: (stamp in nanoseconds, grey image (H, W) uint8 of the camera's size) in the order of the stamps; each is
    paired with the first one that is late enough. Pairs that show too few common points are left out.
    camera: of all images, or of each one. Points are followed in images of that `width` at most.
    """
    cameras = itertools.repeat(camera) if isinstance(camera, CameraIntrinsics) else camera
    waiting: deque[tuple[int, np.ndarray, CameraIntrinsics]] = deque()
    found, following = [], _Following.at(width)
    for (stamp_ns, image), own in zip(frames, cameras):
        small = _shrunk(image, width)
        own = own.scaled(small.shape[1], small.shape[0])
        while waiting and stamp_ns - waiting[0][0] >= gap_s * 1e9:
            first_ns, first, first_camera = waiting.popleft()
            is_near = stamp_ns - first_ns <= 3 * gap_s * 1e9
            turn = _turn(first, small, (first_camera, own), following) if is_near else None
            if turn is not None:
                found.append((first_ns, stamp_ns, *turn))
        waiting.append((stamp_ns, small, own))
    firsts_ns, seconds_ns, rotvecs, first_rays, second_rays = zip(*found) if found else ((),) * 5
    return RotationPairs(
        np.array(firsts_ns, dtype=np.int64),
        np.array(seconds_ns, dtype=np.int64),
        np.array(rotvecs).reshape(-1, 3),
        np.array(first_rays).reshape(-1, RAYS, 2),
        np.array(second_rays).reshape(-1, RAYS, 2),
    )


def _turn(
    first: np.ndarray,
    second: np.ndarray,
    cameras: tuple[CameraIntrinsics, CameraIntrinsics],
    following: _Following,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Rotation vector (3,) of the second camera in the first, and rays (RAYS, 2) of both; None with too few points."""
    points = _tracked_points(first, second, following)
    if points is None:
        return None
    rays = [camera.rays(p) for camera, p in zip(cameras, points)]
    known = np.isfinite(np.hstack(rays)).all(axis=1)
    if int(known.sum()) < MIN_INLIERS:
        return None
    rays = [r[known] for r in rays]
    threshold = EPIPOLAR_PIXELS / cameras[0].fx
    E, inliers = cv2.findEssentialMat(*rays, np.eye(3), cv2.USAC_MAGSAC, 0.999, threshold)
    if E is None or E.shape != (3, 3) or int(inliers.sum()) < MIN_INLIERS:
        return None
    # a camera that only turns has no direction of motion, but both decompositions hold; the other one looks backwards
    candidates = [Rotation.from_matrix(R) for R in cv2.decomposeEssentialMat(E)[:2]]
    R_second_first = min(candidates, key=lambda rotation: rotation.magnitude())
    chosen = np.flatnonzero(inliers.ravel())
    chosen = chosen[np.linspace(0, len(chosen) - 1, RAYS).astype(int)]
    return R_second_first.inv().as_rotvec(), rays[0][chosen], rays[1][chosen]


def _shrunk(image: np.ndarray, most: int) -> np.ndarray:
    height, width = image.shape
    if width <= most:
        return image
    small: np.ndarray = cv2.resize(image, (most, round(height * most / width)), interpolation=cv2.INTER_AREA)
    return small


def _tracked_points(
    first: np.ndarray, second: np.ndarray, following: _Following
) -> tuple[np.ndarray, np.ndarray] | None:
    """Pixels (N, 2) of points in both images."""
    corners = cv2.goodFeaturesToTrack(first, following.corners, 0.005, 7)
    if corners is None or len(corners) < MIN_INLIERS:
        return None
    before = corners.reshape(-1, 2)
    flow = Flow(following.window, following.halvings, MAX_ROUND_TRIP_PIXELS)
    moved, is_sure = flow.follow(first, second, before)
    return (before[is_sure], moved[is_sure]) if int(is_sure.sum()) >= MIN_INLIERS else None

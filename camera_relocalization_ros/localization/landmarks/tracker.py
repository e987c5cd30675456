# SPDX-License-Identifier: BSD-3-Clause
"""Landmarks of a refined image tracked through the next ones (Lucas & Kanade 1981), and the poses that they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner, Refinement, nothing_found
from camera_relocalization_ros.vision.pnp import refine_pose


@dataclass(frozen=True)
class TrackingSettings:
    """window_px and levels of the image pyramid; there and back again a point must return within return_px; error that
    each step adds to where a landmark seems to be; for how long a refined pose is carried on.
    """

    window_px: int = 21
    levels: int = 4
    return_px: float = 1.0
    step_error_px: float = 0.3
    tolerance_px: float = 5.0
    longest_s: float = 2.0
    longest_gap_s: float = 0.5


@dataclass(frozen=True)
class Track:
    """Landmarks (n,) where they were last seen: pixels (n, 2) of `grey`, by the lens at T_parent_lens.

    refined_ns: stamp of the image in which they were found; steps: images they were tracked through since.
    """

    grey: np.ndarray
    landmarks: np.ndarray
    pixels: np.ndarray
    T_parent_lens: np.ndarray
    stamp_ns: int
    refined_ns: int
    steps: int = 0


class LandmarkTracker:
    """Tracks the landmarks of a refiner's images; the images themselves may be skipped, but not go back in time."""

    def __init__(self, refiner: PoseRefiner, settings: TrackingSettings = TrackingSettings()) -> None:
        self._refiner = refiner
        self._settings = settings
        self._track: Track | None = None

    def start(self, grey: np.ndarray, stamp_ns: int, refinement: Refinement) -> None:
        """Track the landmarks of a refined image from now on; what was tracked before is given up."""
        T_parent_lens = self._refiner.lens_pose(refinement.pose)
        self._track = Track(
            grey=grey,
            landmarks=refinement.landmarks,
            pixels=refinement.pixels,
            T_parent_lens=T_parent_lens,
            stamp_ns=stamp_ns,
            refined_ns=stamp_ns,
        )

    @property
    def age_s(self) -> float:
        """How long before the newest tracked image its landmarks were found; NaN when none are tracked."""
        return math.nan if self._track is None else (self._track.stamp_ns - self._track.refined_ns) * 1e-9

    def reset(self) -> None:
        """Track nothing."""
        self._track = None

    def track(self, grey: np.ndarray, stamp_ns: int) -> Refinement | None:
        """The pose by the landmarks that are found again in the next image; None when none are tracked."""
        track = self._track
        if track is None or not self._is_recent(track, stamp_ns):
            self._track = None
            return None
        pixels, is_found = self._flow(track, grey)
        rays = self._refiner.extractor.rays(pixels)
        is_found &= np.isfinite(rays).all(axis=1)
        landmarks, pixels = track.landmarks[is_found], pixels[is_found]
        rays = self._refiner.true_rays(rays[is_found])
        focal_px = self._refiner.extractor.focal_px
        points, tolerance = self._refiner.points[landmarks], self._settings.tolerance_px / focal_px
        pose = refine_pose(points, rays, track.T_parent_lens, tolerance) if len(points) else None
        if pose is None:
            self._track = None
            return nothing_found(len(landmarks))
        steps = track.steps + 1
        # what a step adds is independent of the noise that the residuals show
        drift2 = steps * (self._settings.step_error_px / focal_px) ** 2
        pose = replace(pose, covariance=pose.covariance * (1 + drift2 / max(pose.noise, 1e-6) ** 2))
        refinement = self._refiner.refinement_from(pose, landmarks, pixels)
        self._track = Track(
            grey=grey,
            landmarks=refinement.landmarks,
            pixels=refinement.pixels,
            T_parent_lens=pose.T_parent_camera,
            stamp_ns=stamp_ns,
            refined_ns=track.refined_ns,
            steps=steps,
        )
        return refinement

    def _is_recent(self, track: Track, stamp_ns: int) -> bool:
        gap_s, age_s = (stamp_ns - track.stamp_ns) * 1e-9, (stamp_ns - track.refined_ns) * 1e-9
        return 0 < gap_s <= self._settings.longest_gap_s and age_s <= self._settings.longest_s

    def _flow(self, track: Track, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the points are in `grey` (n, 2), and which of them (n,) return when they are followed back."""
        options = {"winSize": (self._settings.window_px,) * 2, "maxLevel": self._settings.levels}
        before = track.pixels.astype(np.float32)
        after, went, _ = cv2.calcOpticalFlowPyrLK(track.grey, grey, before, None, **options)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(grey, track.grey, after, None, **options)
        is_found = (went.ravel() > 0) & (returned.ravel() > 0)
        is_found &= np.linalg.norm(back - before, axis=1) < self._settings.return_px
        return after.astype(np.float64), is_found

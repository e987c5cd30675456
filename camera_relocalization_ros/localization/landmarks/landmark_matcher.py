# SPDX-License-Identifier: BSD-3-Clause
"""Which features of an image show which landmarks of a map, by their looks and by where a pose expects them."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.localization.landmarks.refinement_settings import RefinementSettings
from camera_relocalization_ros.vision.matching import mutual_matches_of_codes, mutual_matches_of_pairs
from camera_relocalization_ros.vision.pnp import PerspectivePose, project, reprojection_errors

# of the landmarks' looks: false matches are few, and their number is a mean
SHUFFLES = 3


class LandmarkMatcher:
    """points (l, 3) and codes (l, k) of all landmarks, which are named by their index."""

    def __init__(self, points: np.ndarray, codes: np.ndarray, settings: RefinementSettings) -> None:
        self._points = points
        self._codes = codes
        self._settings = settings

    def match(self, codes: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (m,) and the landmarks (m,) of `landmarks` they match mutually."""
        if len(landmarks) < 2:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        limits = self._settings.least_similarity, self._settings.distance_ratio
        rows, columns, _ = mutual_matches_of_codes(codes, self._codes[landmarks], *limits)
        return rows, landmarks[columns]

    def match_near(
        self,
        codes: np.ndarray,
        rays: np.ndarray,
        landmarks: np.ndarray,
        T_parent_lens: np.ndarray,
        radius: float,
        shuffle: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `match`, with landmarks that should appear within `radius` on z = 1 of the feature.

        shuffle: a seed, by which each has the looks of another.
        """
        landmarks, expected = self.shown(landmarks, T_parent_lens, rays, radius)
        # few pairs are near: a matrix of all would take most of the time
        pairs = cKDTree(rays).sparse_distance_matrix(cKDTree(expected), radius, output_type="ndarray")
        looks = landmarks if shuffle is None else np.random.default_rng(shuffle).permutation(landmarks)
        similarity = np.einsum("pd,pd->p", codes[pairs["i"]], self._codes[looks[pairs["j"]]])
        limits = self._settings.least_similarity, self._settings.distance_ratio
        rows, columns, _ = mutual_matches_of_pairs(pairs["i"], pairs["j"], similarity, *limits)
        return rows, landmarks[columns]

    def shown(
        self, landmarks: np.ndarray, T_parent_lens: np.ndarray, rays: np.ndarray, margin: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks (m,) within what the features' rays (n, 2) span, or a margin around, and where (m, 2) they are."""
        expected, depth = project(self._points[landmarks], T_parent_lens)
        inside = (expected > rays.min(axis=0) - margin) & (expected < rays.max(axis=0) + margin)
        visible = (depth > 0) & inside.all(axis=1)
        return landmarks[visible], expected[visible]

    def by_chance(self, near: np.ndarray, rays: np.ndarray, pose: PerspectivePose) -> float:
        """How many of the landmarks `near` would have a feature as close as the pose's own, lay features anywhere.

        The idea is that of a-contrario estimation (Moulon et al. 2012): agreement counts by what it exceeds chance.
        """
        shown, _ = self.shown(near, pose.T_parent_camera, rays)
        share = len(rays) * 2 * np.pi * pose.noise**2 / np.prod(np.ptp(rays, axis=0))
        return len(shown) * min(float(share), 1.0)

    def by_looks(
        self, codes: np.ndarray, rays: np.ndarray, near: np.ndarray, T_parent_lens: np.ndarray, tolerance: float
    ) -> float:
        """How many of the landmarks `near` would agree with a pose to a tolerance, had each the looks of another.

        False matches are counted by some that are known to be false (Elias & Gygi 2007, "Target-decoy search
        strategy"): many where things repeat, few where `by_chance`, which knows places alone, has many in dense maps.
        """
        false = 0
        for seed in range(SHUFFLES):
            seen, found = self.match_near(codes, rays, near, T_parent_lens, tolerance, shuffle=seed)
            false += int(np.sum(reprojection_errors(self._points[found], rays[seen], T_parent_lens) <= tolerance))
        return false / SHUFFLES

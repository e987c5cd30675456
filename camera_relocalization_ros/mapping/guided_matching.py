# SPDX-License-Identifier: BSD-3-Clause
"""Points that two images of known poses have in common: alike, and where the one pose lets the other see them."""

from __future__ import annotations

import numpy as np

from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.vision.local_features import LocalFeatures, unit_descriptors
from camera_relocalization_ros.vision.matching import mutual_matches_of_pairs

# cosine below which two descriptors are never of the same point
LEAST_SIMILARITY = 0.8
# of distances to the best and the second best; lax, because only points on the epipolar line compete
DISTANCE_RATIO = 0.85
# less alike than this, a second best rules out no best one: distances are roots of 2 - 2 cosine
_RIVAL_SIMILARITY = 1 - (1 - LEAST_SIMILARITY) / DISTANCE_RATIO**2


def match_pair(
    a: LocalFeatures, b: LocalFeatures, T_parent_a: np.ndarray, T_parent_b: np.ndarray, tolerance_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (m, 2) of points that match mutually, within tolerance_px of the epipolar line; cosines (m,)."""
    if len(a) < 2 or len(b) < 2:
        return np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.float32)
    similarity = unit_descriptors(a.descriptors) @ unit_descriptors(b.descriptors).T
    distances = epipolar_distances(a.rays, b.rays, invert(T_parent_b) @ T_parent_a)
    # the few pairs near a line, and of these the few alike: passes over the whole matrix take longer than its product
    near = np.flatnonzero(np.abs(distances, out=distances) <= tolerance_px / b.focal_px)
    cosines = similarity.ravel()[near]
    alike = cosines > _RIVAL_SIMILARITY
    rows, columns = np.divmod(near[alike], len(b))
    rows, columns, cosines = mutual_matches_of_pairs(rows, columns, cosines[alike], LEAST_SIMILARITY, DISTANCE_RATIO)
    return np.stack([rows, columns], axis=1), cosines


def epipolar_distances(rays_a: np.ndarray, rays_b: np.ndarray, T_b_a: np.ndarray) -> np.ndarray:
    """Signed distance (n, m) of each ray of b (m, 2) from the epipolar line of each ray of a (n, 2), on z = 1."""
    x, y, z = T_b_a[:3, 3]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    lines = _homogeneous(rays_a) @ (cross @ T_b_a[:3, :3]).T
    lines /= np.maximum(np.linalg.norm(lines[:, :2], axis=1, keepdims=True), 1e-12)
    return lines.astype(np.float32) @ _homogeneous(rays_b).astype(np.float32).T


def _homogeneous(rays: np.ndarray) -> np.ndarray:
    return np.column_stack([rays, np.ones(len(rays))])

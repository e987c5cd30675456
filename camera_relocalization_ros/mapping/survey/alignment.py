# SPDX-License-Identifier: BSD-3-Clause
"""The similarity (scale, turn, shift) that brings points onto others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import DatasetError

# points whose second extent is smaller than this share of their first lie in a line, about which anything may turn
LINE_SHARE = 1e-3
# of which one without an outlier is sure to be, of half outliers: 1 - (7/8)^100
TRIPLES = 100


@dataclass(frozen=True)
class Similarity:
    """x' = scale * R x + shift; shift (3,)."""

    scale: float
    rotation: Rotation
    shift: np.ndarray

    def matrix(self) -> np.ndarray:
        """(3, 4), as pycolmap's Sim3d takes it."""
        return np.column_stack([self.scale * self.rotation.as_matrix(), self.shift])

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 3)."""
        moved: np.ndarray = self.scale * self.rotation.apply(points) + self.shift
        return moved

    def inverse(self) -> Similarity:
        """The one that leads back."""
        back = self.rotation.inv()
        return Similarity(1 / self.scale, back, -back.apply(self.shift) / self.scale)


def similarity_between(points: np.ndarray, targets: np.ndarray, scale: float | None = None) -> Similarity:
    """The one by which points (N, 3) come nearest to targets (N, 3), in least squares; of a given scale, if one is.

    Points in a plane will do. Raises DatasetError where they lie in a line or at one place.
    """
    middle, target_middle = points.mean(axis=0), targets.mean(axis=0)
    arms, target_arms = points - middle, targets - target_middle
    extents = np.linalg.svd(target_arms, compute_uv=False)
    if len(points) < 3 or extents[1] <= LINE_SHARE * extents[0]:
        raise DatasetError("what is to be aligned lies at one place or in a line; expected three places that do not")
    rotation, _ = Rotation.align_vectors(target_arms, arms)
    turned = rotation.apply(arms)
    scale = float((turned * target_arms).sum() / (arms**2).sum()) if scale is None else scale
    return Similarity(scale, rotation, target_middle - scale * rotation.apply(middle))


def robust_similarity(points: np.ndarray, targets: np.ndarray) -> tuple[Similarity, np.ndarray]:
    """The similarity by which most of the points (N, 3) come near targets (N, 3), and which do (N,) bool.

    Least median of squares over triples (Rousseeuw 1984), then least squares of what lies within three deviations.
    Raises DatasetError as `similarity_between` does.
    """
    best = similarity_between(points, targets)
    residuals = _residuals(best, points, targets)
    rng = np.random.default_rng(0)
    for _ in range(TRIPLES):
        triple = rng.choice(len(points), 3, replace=False)
        try:
            candidate = similarity_between(points[triple], targets[triple])
        except DatasetError:
            continue
        found = _residuals(candidate, points, targets)
        if np.median(found) < np.median(residuals):
            best, residuals = candidate, found
    # of distances in space the median is 1.54 deviations of an axis; no threshold below what float64 resolves
    limit = 3 * 1.73 / 1.54 * np.median(residuals) + 1e-9 * np.abs(targets).max()
    kept = residuals <= limit
    return similarity_between(points[kept], targets[kept]), kept


def _residuals(similarity: Similarity, points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    distances: np.ndarray = np.linalg.norm(similarity.apply(points) - targets, axis=1)
    return distances

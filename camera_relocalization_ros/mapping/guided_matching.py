# SPDX-License-Identifier: BSD-3-Clause
"""Points that two images of known poses have in common: alike, and where the one pose lets the other see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

import numpy as np

from camera_relocalization_ros.vision.local_features import LocalFeatures, unit_descriptors
from camera_relocalization_ros.vision.matching import mutual_matches_of_pairs

# cosine below which two descriptors are never of the same point
LEAST_SIMILARITY = 0.8
# of distances to the best and the second best; lax, because only points on the epipolar line compete
DISTANCE_RATIO = 0.85
# less alike than this, a second best rules out no best one: distances are roots of 2 - 2 cosine
_RIVAL_SIMILARITY = 1 - (1 - LEAST_SIMILARITY) / DISTANCE_RATIO**2
# the points of an image are compared in so many wedges about the epipole, each with the lines that pass it
WEDGES = 16
# points so near to the epipole that lines of more directions than that pass them are a group of their own
MOST_REACH_RAD = 0.1


@dataclass(frozen=True)
class SeenPoints:
    """Points of an image: rays (n, 2) on z = 1 and descriptors (n, 128) float32 of unit length."""

    rays: np.ndarray
    descriptors: np.ndarray

    @classmethod
    def of(cls, features: LocalFeatures) -> SeenPoints:
        """Those of an image's features."""
        return cls(features.rays, unit_descriptors(features.descriptors))

    def __len__(self) -> int:
        return len(self.rays)


def match_pair(a: SeenPoints, b: SeenPoints, T_b_a: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices (m, 2) of points that match mutually, within a tolerance on z = 1 of the epipolar line; cosines (m,)."""
    rows, columns, cosines = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    if len(a) > 1 and len(b) > 1:
        lines, points = _epipolar_lines(a.rays, T_b_a), _homogeneous(b.rays).astype(np.float32)
        for of_a, of_b in _neighbours(lines, b.rays, T_b_a[:3, 3], tolerance):
            distances = lines[of_a].astype(np.float32) @ points[of_b].T
            similarity = a.descriptors[of_a] @ b.descriptors[of_b].T
            is_rival = (similarity > _RIVAL_SIMILARITY) & (np.abs(distances, out=distances) <= tolerance)
            # nonzero of a matrix takes twice as long
            rival = np.flatnonzero(is_rival)
            row, column = np.divmod(rival, len(of_b))
            rows.append(of_a[row])
            columns.append(of_b[column])
            cosines.append(similarity.ravel()[rival])
    row, column, cosine = np.concatenate(rows), np.concatenate(columns), np.concatenate(cosines)
    # rivals count only where there is something to match: sorting all of them takes as long as the products
    has_match = np.zeros(len(a), dtype=bool)
    has_match[row[cosine > LEAST_SIMILARITY]] = True
    keep = has_match[row]
    row, column, cosine = mutual_matches_of_pairs(
        row[keep], column[keep], cosine[keep], LEAST_SIMILARITY, DISTANCE_RATIO
    )
    return np.stack([row, column], axis=1), cosine


def _epipolar_lines(rays_a: np.ndarray, T_b_a: np.ndarray) -> np.ndarray:
    """Lines (n, 3) in image b of rays (n, 2) of a: the product with a ray of b is its signed distance on z = 1."""
    x, y, z = T_b_a[:3, 3]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    lines = _homogeneous(rays_a) @ (cross @ T_b_a[:3, :3]).T
    lines /= np.maximum(np.linalg.norm(lines[:, :2], axis=1, keepdims=True), 1e-12)
    return lines


def _neighbours(
    lines: np.ndarray, rays_b: np.ndarray, t_b_a: np.ndarray, tolerance: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Groups of points of b, and the lines that come near to some of each: indices of both, lines first.

    All lines go through the epipole, where b sees the centre of a, t_b_a: so a line comes near to a point when their
    directions from there are about the same. Each point is in one group; no line that is near to it is missing.
    """
    # from the epipole to the points, times its depth: right in front of the camera, and to the side at infinity
    offsets = rays_b * t_b_a[2] - t_b_a[:2]
    lengths = np.linalg.norm(offsets, axis=1)
    sines = np.divide(tolerance * abs(t_b_a[2]), lengths, out=np.ones(len(rays_b)), where=lengths > 0)
    reach = np.arcsin(np.minimum(sines, 1.0))
    direction_b = np.arctan2(offsets[:, 1], offsets[:, 0]) % np.pi
    direction_a = np.arctan2(-lines[:, 0], lines[:, 1]) % np.pi
    is_close = reach > MOST_REACH_RAD
    yield np.arange(len(lines)), np.flatnonzero(is_close)
    far = np.flatnonzero(~is_close)
    for of_b in np.array_split(far[np.argsort(direction_b[far])], WEDGES):
        if len(of_b):
            first, last = direction_b[of_b[[0, -1]]]
            apart = np.abs((direction_a - (first + last) / 2 + np.pi / 2) % np.pi - np.pi / 2)
            yield np.flatnonzero(apart <= (last - first) / 2 + reach[of_b].max()), of_b


def _homogeneous(rays: np.ndarray) -> np.ndarray:
    return np.column_stack([rays, np.ones(len(rays))])

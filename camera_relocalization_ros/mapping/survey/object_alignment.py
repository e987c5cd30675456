# SPDX-License-Identifier: BSD-3-Clause
"""One object at several placements: the model of each is brought onto the first one's by the object's landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycolmap

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.mapping.survey.alignment import Similarity, similarity_between
from camera_relocalization_ros.mapping.survey.structure import move

# as Lowe (2004) tells good matches
RATIO = 0.8
# a landmark is the same where it lies within this share of the object's radius
AGREEMENT_SHARE = 0.01
FEWEST_LANDMARKS = 20
SEED = 0


@dataclass(frozen=True)
class ScenePoints:
    """Points (n, 3) of a reconstruction with the mean descriptors (n, 128) float32 of what pictures show of them."""

    points: np.ndarray
    descriptors: np.ndarray

    def within(self, radius: float) -> ScenePoints:
        """Those no further from zero."""
        near = np.linalg.norm(self.points, axis=1) <= radius
        return ScenePoints(self.points[near], self.descriptors[near])


def scene_points(reconstruction: Any, database: Path) -> ScenePoints:
    """The points of a reconstruction, and their descriptors out of COLMAP's database."""
    with pycolmap.Database.open(database) as opened:
        by_image = {number: _descriptors(opened, number) for number in reconstruction.images}
    found = list(reconstruction.points3D.values())
    means = [
        np.mean([by_image[e.image_id][e.point2D_idx] for e in point.track.elements], axis=0, dtype=np.float32)
        for point in found
    ]
    return ScenePoints(np.array([p.xyz for p in found]).reshape(-1, 3), np.array(means, np.float32).reshape(-1, 128))


def _descriptors(database: Any, image_id: int) -> np.ndarray:
    read = database.read_descriptors(image_id)
    return np.asarray(getattr(read, "data", read), dtype=np.float32)


def aligned_by_landmarks(reconstruction: Any, own: ScenePoints, first: ScenePoints, radius: float) -> dict[str, Any]:
    """Move a reconstruction so that the object lies as in the first; what is known of the errors.

    radius: of the object around zero of the first. Raises DatasetError where too few landmarks agree.
    """
    similarity, residuals = landmark_similarity(own, first.within(radius), radius)
    move(reconstruction, similarity)
    return {"landmarks": len(residuals), "frame_error_m": round(float(np.median(residuals)), 6)}


def landmark_similarity(own: ScenePoints, target: ScenePoints, radius: float) -> tuple[Similarity, np.ndarray]:
    """The similarity that brings landmarks onto those of the target, and how far (n,) those that agree then are off."""
    pairs = _matches(own.descriptors, target.descriptors)
    points, targets = own.points[pairs[:, 0]], target.points[pairs[:, 1]]
    options = pycolmap.RANSACOptions(max_error=AGREEMENT_SHARE * radius, random_seed=SEED)
    # pycolmap's type says Sim3d, and it is a mapping
    found: Any = pycolmap.estimate_sim3d_robust(points, targets, options) if len(pairs) >= FEWEST_LANDMARKS else None
    agreeing = np.zeros(len(pairs), dtype=bool) if found is None else np.array(found["inlier_mask"])
    if agreeing.sum() < FEWEST_LANDMARKS:
        raise DatasetError(
            f"{agreeing.sum()} landmarks of the object ({len(target.points)} within {radius:g} m of zero, {len(pairs)} "
            f"matches) agree between two placements; expected {FEWEST_LANDMARKS} or more"
        )
    similarity = similarity_between(points[agreeing], targets[agreeing])
    return similarity, np.linalg.norm(similarity.apply(points[agreeing]) - targets[agreeing], axis=1)


def _matches(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pairs (n, 2) of rows that are nearest to each other, and clearly nearer than the next."""
    if min(len(first), len(second)) < 2:
        return np.empty((0, 2), dtype=int)
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    there = [a for a, b in matcher.knnMatch(first, second, k=2) if a.distance < RATIO * b.distance]
    back = {match.queryIdx: match.trainIdx for match in matcher.match(second, first)}
    kept = [(match.queryIdx, match.trainIdx) for match in there if back.get(match.trainIdx) == match.queryIdx]
    return np.array(kept, dtype=int).reshape(-1, 2)

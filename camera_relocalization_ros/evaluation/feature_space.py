# SPDX-License-Identifier: BSD-3-Clause
"""Images as a model sees them: which training images it finds most like each, and how far away those were taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import oracle_nearest
from camera_relocalization_ros.data.dataset import Dataset, Frame
from camera_relocalization_ros.data.provenance import training_rows


@dataclass(frozen=True)
class Neighbours:
    """For n images the k nearest training images by their features, the nearest first.

    rows (n, k) of the index; cosine (n, k): distance of the features, 0 to 2; metres, degrees (n, k): between the true
    poses; best_m (n,): from each image to the training image that the oracle would pick.
    """

    rows: np.ndarray
    cosine: np.ndarray
    metres: np.ndarray
    degrees: np.ndarray
    best_m: np.ndarray

    @classmethod
    def from_descriptors(cls, index: RetrievalIndex, descriptors: np.ndarray, truth: Poses, count: int) -> Neighbours:
        """Of images with raw descriptors (n, D) and their true poses."""
        rows, cosine = index.k_nearest(descriptors, count)
        known = index.poses
        metres = np.linalg.norm(known.positions[rows] - truth.positions[:, None], axis=2)
        degrees = np.degrees(angular_distance(index.quats_xyzw[rows], truth.quats_xyzw[:, None]))
        best = oracle_nearest(known, truth)
        return cls(rows, cosine, metres, degrees, np.linalg.norm(known.positions[best] - truth.positions, axis=1))

    def summary(self) -> dict[str, Any]:
        """Medians over images: of the nearest, of all k, and what the oracle picks."""
        first = {"cosine": self.cosine[:, 0], "metres": self.metres[:, 0], "degrees": self.degrees[:, 0]}
        every = {"cosine": self.cosine, "metres": self.metres, "degrees": self.degrees}
        return {
            "images": len(self.rows),
            "nearest": {name: float(np.median(values)) for name, values in first.items()},
            f"{self.rows.shape[1]} nearest": {name: float(np.median(values)) for name, values in every.items()},
            "oracle_metres": float(np.median(self.best_m)),
        }


def training_frames(index: RetrievalIndex, datasets: list[Dataset]) -> dict[int, tuple[str, Frame]]:
    """Sequence and frame of those training images of the index that are in the data sets, by their row of the index."""
    found: dict[int, tuple[str, Frame]] = {}
    for dataset in datasets:
        rows = training_rows(index, dataset.poses)
        frames = ((sequence.name, frame) for sequence in dataset.sequences for frame in sequence.frames)
        found.update((int(row), frame) for row, frame in zip(rows, frames) if row >= 0)
    return found

# SPDX-License-Identifier: BSD-3-Clause
"""Descriptors of features in a few numbers, along the principal axes of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

from camera_relocalization_ros.bundle.landmark_map import encode, principal_axes
from camera_relocalization_ros.mapping.landmark_points import Landmarks
from camera_relocalization_ros.mapping.triangulation import sums
from camera_relocalization_ros.vision.local_features import LocalFeatures

# of how many descriptors the principal axes are taken
AXES_SAMPLE = 50_000


@dataclass(frozen=True)
class FeatureCodes:
    """Codes (u, k) of some features of images along the mean (128,) and axes (128, k) of its descriptors.

    row (f,) of each feature in them, -1 for those without. They are the same in all maps of these images.
    """

    mean: np.ndarray
    axes: np.ndarray
    codes: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, features: Sequence[LocalFeatures], numbers: np.ndarray) -> FeatureCodes:
        """Those of the features of these numbers, counted image after image."""
        descriptors = np.concatenate([f.descriptors for f in features])
        mean, axes = principal_axes(descriptors[:: max(1, len(descriptors) // AXES_SAMPLE)])
        used = np.unique(numbers)
        row = np.full(len(descriptors), -1)
        row[used] = np.arange(len(used))
        return cls(mean, axes, encode(descriptors[used], mean, axes), row)

    def summed(self, landmarks: Landmarks) -> np.ndarray:
        """Sums (l, k) of the codes of the features that saw each landmark."""
        return sums(self.codes[self.row[landmarks.feature]], landmarks.seen.landmark, len(landmarks))

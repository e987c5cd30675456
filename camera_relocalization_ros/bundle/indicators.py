# SPDX-License-Identifier: BSD-3-Clause
"""Reliability indicators of an estimate, measured without knowing the truth; docs/uncertainty.md says what of."""

from __future__ import annotations

from typing import Mapping

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Pose, Poses

INDICATORS = (
    "spread_position_m",
    "spread_orientation_rad",
    "descriptor_distance",
    "descriptor_residual",
    "training_distance_m",
)
# what is measured below this (a millimetre, a milliradian, a thousandth) says no more than this
FLOOR = 1e-3
NEIGHBOURS = 5
# 20,000 descriptors take longer than a millisecond; of neighbours in a recording one says as much as all
MAX_COMPARED = 6000


class IndicatorMeter:
    """Measures the reliability indicators of estimates against the training images of one bundle."""

    def __init__(self, index: RetrievalIndex) -> None:
        self._mean, self._components = index.mean, index.components
        self._mean_length = max(float(np.linalg.norm(index.mean)), 1e-9)
        step = -(-len(index.descriptors) // MAX_COMPARED)
        self._descriptors = np.ascontiguousarray(index.descriptors[::step])
        self._positions = cKDTree(index.positions)

    def measure(self, pose: Pose, descriptor: np.ndarray, members: Poses) -> dict[str, float]:
        """Indicators by name for one estimate: its pose, descriptor (D,), and the poses of the ensemble's members.

        spread_position_m, spread_orientation_rad: root mean square of the members' distances from the pose;
        descriptor_distance: 1 - cosine to the training images most similar, mean of five;
        descriptor_residual: length of what the training images' principal components do not explain, over their mean's;
        training_distance_m: from the estimate to the nearest training position.
        """
        distances_m = np.linalg.norm(members.positions - pose.position, axis=1)
        angles_rad = angular_distance(members.quats_xyzw, pose.quat_xyzw[None])
        centred = descriptor - self._mean
        projected = centred @ self._components
        values = (
            np.sqrt(np.mean(distances_m**2)),
            np.sqrt(np.mean(angles_rad**2)),
            self._descriptor_distance(projected),
            np.linalg.norm(centred - self._components @ projected) / self._mean_length,
            self._positions.query(pose.position)[0],
        )
        return dict(zip(INDICATORS, map(float, values)))

    def _descriptor_distance(self, projected: np.ndarray) -> float:
        similarity = self._descriptors @ (projected / max(float(np.linalg.norm(projected)), 1e-12))
        count = min(NEIGHBOURS, len(similarity))
        return float(1.0 - np.partition(similarity, -count)[-count:].mean())


def log_indicators(indicators: Mapping[str, float]) -> np.ndarray:
    """Natural logarithms of the indicators, in the order of INDICATORS."""
    logs: np.ndarray = np.log(np.maximum([indicators[name] for name in INDICATORS], FLOOR))
    return logs

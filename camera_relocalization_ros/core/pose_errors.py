# SPDX-License-Identifier: BSD-3-Clause
"""Errors of poses against the truth of the same frames, and the known pose that is truly nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.core.geometry import angular_distance

STATISTICS = {"median": np.median, "mean": np.mean, "max": np.max, "std": np.std}


@dataclass(frozen=True)
class PoseErrors:
    """Error of each frame: position_m (N,) in metres, orientation_deg (N,) in degrees; NaN where there is no answer."""

    position_m: np.ndarray
    orientation_deg: np.ndarray

    def summary(self) -> dict[str, Any]:
        """Frames with an answer, and median, mean, maximum and standard deviation of both errors, as plain numbers."""
        known = np.isfinite(self.position_m)
        return {
            "frames": int(known.sum()),
            **{
                name: {
                    statistic: float(f(values[known])) if known.any() else None for statistic, f in STATISTICS.items()
                }
                for name, values in (("position_m", self.position_m), ("orientation_deg", self.orientation_deg))
            },
        }


def pose_errors(
    positions_est: np.ndarray, quats_est: np.ndarray, positions_gt: np.ndarray, quats_gt: np.ndarray
) -> PoseErrors:
    """Errors of estimates (N, 3), (N, 4) against the truth of the same frames, row by row; NaN where one is NaN."""
    position_m = np.linalg.norm(np.asarray(positions_est) - positions_gt, axis=-1)
    orientation_deg, known = np.full_like(position_m, np.nan), np.isfinite(position_m)
    orientation_deg[known] = np.degrees(angular_distance(np.asarray(quats_est)[known], np.asarray(quats_gt)[known]))
    return PoseErrors(position_m, orientation_deg)


def oracle_nearest(
    positions: np.ndarray, quats_xyzw: np.ndarray, positions_gt: np.ndarray, quats_gt: np.ndarray
) -> np.ndarray:
    """Index (N,) of the known pose, of positions (M, 3) and quats_xyzw (M, 4), nearest to each true pose.

    A metre counts as much as a radian.
    """
    # a pose within d metres + radians lies within d metres, so position alone bounds the search
    tree = cKDTree(positions)
    _, start = tree.query(positions_gt)
    nearest = np.empty(len(positions_gt), dtype=int)
    for row, (position, quat) in enumerate(zip(positions_gt, quats_gt)):

        def distance(rows: Any, position: np.ndarray = position, quat: np.ndarray = quat) -> np.ndarray:
            turn = angular_distance(quats_xyzw[rows], quat[None])
            return np.linalg.norm(positions[rows] - position, axis=1) + turn

        candidates = np.array(tree.query_ball_point(position, distance([start[row]])[0] + 1e-9))
        nearest[row] = candidates[np.argmin(distance(candidates))]
    return nearest


def length_text(metres: float) -> str:
    """A length in the unit that suits it: "4.2 mm", "3.1 cm", "1.35 m"."""
    for limit_m, factor, unit in ((0.01, 1000, "mm"), (1.0, 100, "cm")):
        if abs(metres) < limit_m:
            return f"{factor * metres:.1f} {unit}"
    return f"{metres:.2f} m"

# SPDX-License-Identifier: BSD-3-Clause
"""Errors of poses against the truth of the same frames, and the known pose that is truly nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Poses, pose_distance

STATISTICS: dict[str, Callable[[np.ndarray], Any]] = {
    "median": np.median,
    "mean": np.mean,
    "max": np.max,
    "std": np.std,
}


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


def pose_errors(estimates: Poses, truth: Poses) -> PoseErrors:
    """Errors of estimates against the truth of the same frames, row by row; NaN where one is NaN."""
    position_m = np.linalg.norm(estimates.positions - truth.positions, axis=-1)
    orientation_deg, known = np.full_like(position_m, np.nan), np.isfinite(position_m)
    angles = angular_distance(estimates.quats_xyzw[known], truth.quats_xyzw[known])
    orientation_deg[known] = np.degrees(angles)
    return PoseErrors(position_m, orientation_deg)


def within(errors: PoseErrors, limit_m: float, limit_deg: float) -> np.ndarray:
    """Rows (n,) bool whose errors are both within the limits; false where there is no error."""
    return (errors.position_m <= limit_m) & (errors.orientation_deg <= limit_deg)


def oracle_nearest(known: Poses, truth: Poses) -> np.ndarray:
    """Index (N,) of the known pose nearest to each true pose, by `pose_distance`."""
    # a pose within d metres + radians lies within d metres, so position alone bounds the search
    tree = cKDTree(known.positions)
    _, start = tree.query(truth.positions)
    nearest = np.empty(len(truth), dtype=int)
    for row, pose in enumerate(truth):
        farthest = float(pose_distance(known[start[row]], pose))
        candidates = np.array(tree.query_ball_point(pose.position, farthest + 1e-9))
        nearest[row] = candidates[np.argmin(pose_distance(known[candidates], pose))]
    return nearest


def length_unit(is_metric: bool) -> str:
    """What lengths of a data set are in: metres, or units of a scene of any scale."""
    return "m" if is_metric else "units"


def length_units(are_metric: Iterable[bool]) -> str:
    """What lengths of several data sets are in: "m or units" where they differ."""
    return " or ".join(length_unit(is_metric) for is_metric in sorted(set(are_metric), reverse=True))


def length_text(metres: float, is_metric: bool = True) -> str:
    """A length in the unit that suits it: "4.2 mm", "3.1 cm", "1.35 m"; "0.0042 units" of a scene of any scale."""
    if not is_metric:
        return f"{metres:.3g} units"
    for limit_m, factor, unit in ((0.01, 1000, "mm"), (1.0, 100, "cm")):
        if abs(metres) < limit_m:
            return f"{factor * metres:.1f} {unit}"
    return f"{metres:.2f} m"

# SPDX-License-Identifier: BSD-3-Clause
"""Pose errors, their summary and the table that sets them beside the baselines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.errors import RelocalizationError, SyncError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.evaluation.baselines import best_k_poses, cell_poses

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


def match_stamps(estimate: Trajectory, truth: Trajectory) -> tuple[Trajectory, Trajectory]:
    """The poses of both at the stamps that both have, equal to the nanosecond; raises SyncError when there is none."""
    _, in_estimate, in_truth = np.intersect1d(estimate.stamps_ns, truth.stamps_ns, return_indices=True)
    if not len(in_estimate):
        raise SyncError(f"no stamp is in both the {len(estimate)} estimates and the {len(truth)} true poses")
    return estimate.select(in_estimate), truth.select(in_truth)


def baseline_errors(
    index: RetrievalIndex, descriptors: np.ndarray, positions_gt: np.ndarray, quats_gt: np.ndarray
) -> dict[str, PoseErrors]:
    """What no training at all would have reached on the same frames (descriptors (N, D)).

    constant pose: median training position, and of the training rotations the one nearest to all others;
    feature retrieval: pose of the training image that looks most alike;
    retrieval, best k: mean pose of the five training images that look most alike, weighted by similarity;
    classification: mean pose of the cell of training poses whose mean descriptor is nearest;
    oracle nearest pose: pose of the training image whose true pose is nearest (1 m counts as 1 rad).
    """
    nearest = index.nearest(descriptors)
    oracle = oracle_nearest(index.positions, index.quats_xyzw, positions_gt, quats_gt)
    return {
        "constant pose": constant_pose_errors(index.positions, index.quats_xyzw, positions_gt, quats_gt),
        "feature retrieval": pose_errors(index.positions[nearest], index.quats_xyzw[nearest], positions_gt, quats_gt),
        "retrieval, best k": pose_errors(*best_k_poses(index, descriptors), positions_gt, quats_gt),
        "classification": pose_errors(*cell_poses(index, descriptors), positions_gt, quats_gt),
        "oracle nearest pose": pose_errors(index.positions[oracle], index.quats_xyzw[oracle], positions_gt, quats_gt),
    }


def constant_pose_errors(
    positions: np.ndarray, quats_xyzw: np.ndarray, positions_gt: np.ndarray, quats_gt: np.ndarray
) -> PoseErrors:
    """Errors of always answering the median of positions (M, 3) and the medoid of quats_xyzw (M, 4)."""
    count = len(positions_gt)
    position = np.tile(np.median(positions, axis=0), (count, 1))
    quat = np.tile(_medoid_quat(quats_xyzw), (count, 1))
    return pose_errors(position, quat, positions_gt, quats_gt)


def length_text(metres: float) -> str:
    """A length in the unit that suits it: "4.2 mm", "3.1 cm", "1.35 m"."""
    for limit_m, factor, unit in ((0.01, 1000, "mm"), (1.0, 100, "cm")):
        if abs(metres) < limit_m:
            return f"{factor * metres:.1f} {unit}"
    return f"{metres:.2f} m"


def errors_table(rows: dict[str, PoseErrors]) -> str:
    """A table in plain text: one row per method, position in metres and orientation in degrees."""
    header = f"{'':<22}{'position [m]':^32}  {'orientation [deg]':^32}\n"
    header += f"{'method':<22}" + "  ".join(["".join(f"{name:>8}" for name in STATISTICS)] * 2)
    lines = [header]
    for method, errors in rows.items():
        summary = errors.summary()
        cells = [
            "".join(f"{summary[part][name]:8.{digits}f}" if summary["frames"] else f"{'-':>8}" for name in STATISTICS)
            for part, digits in (("position_m", 3), ("orientation_deg", 2))
        ]
        lines.append(f"{method:<22}" + "  ".join(cells))
        if summary["frames"] < len(errors.position_m):
            lines.append(f"  of {summary['frames']} of {len(errors.position_m)} frames; the others have no pose")
    return "\n".join(lines)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write plain values as indented JSON, making the folder; raises RelocalizationError when that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise RelocalizationError(f"{path}: cannot be written ({error.strerror})") from error


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


def _medoid_quat(quats_xyzw: np.ndarray) -> np.ndarray:
    sample = quats_xyzw[:: max(len(quats_xyzw) // 500, 1)]
    total = [angular_distance(sample, quat[None]).sum() for quat in sample]
    return sample[int(np.argmin(total))]

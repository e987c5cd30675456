# SPDX-License-Identifier: BSD-3-Clause
"""What no training at all would have reached: errors of the baselines."""

from __future__ import annotations

import numpy as np

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, oracle_nearest, pose_errors
from camera_relocalization_ros.evaluation.baselines import best_k_poses, cell_poses


def baseline_errors(index: RetrievalIndex, descriptors: np.ndarray, truth: Poses) -> dict[str, PoseErrors]:
    """What no training at all would have reached on the same frames (descriptors (N, D)).

    constant pose: median training position, and of the training rotations the one nearest to all others;
    feature retrieval: pose of the training image that looks most alike;
    retrieval, best k: mean pose of the five training images that look most alike, weighted by similarity;
    classification: mean pose of the cell of training poses whose mean descriptor is nearest;
    oracle nearest pose: pose of the training image whose true pose is nearest (1 m counts as 1 rad).
    """
    known = index.poses
    return {
        "constant pose": constant_pose_errors(known, truth),
        "feature retrieval": pose_errors(known[index.nearest(descriptors)], truth),
        "retrieval, best k": pose_errors(best_k_poses(index, descriptors), truth),
        "classification": pose_errors(cell_poses(index, descriptors), truth),
        "oracle nearest pose": pose_errors(known[oracle_nearest(known, truth)], truth),
    }


def constant_pose_errors(known: Poses, truth: Poses) -> PoseErrors:
    """Errors of always answering the median of known positions and the medoid of their rotations."""
    position = np.tile(np.median(known.positions, axis=0), (len(truth), 1))
    quat = np.tile(_medoid_quat(known.quats_xyzw), (len(truth), 1))
    return pose_errors(Poses(position, quat), truth)


def _medoid_quat(quats_xyzw: np.ndarray) -> np.ndarray:
    sample = quats_xyzw[:: max(len(quats_xyzw) // 500, 1)]
    total = [angular_distance(sample, quat[None]).sum() for quat in sample]
    return sample[int(np.argmin(total))]

# SPDX-License-Identifier: BSD-3-Clause
"""What no training at all would have reached: poses that the training images alone give (thesis 3.1), their errors."""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, oracle_nearest, pose_errors


def baseline_errors(index: RetrievalIndex, descriptors: np.ndarray, truth: Poses) -> dict[str, PoseErrors]:
    """What no training at all would have reached on the same frames (descriptors (N, D)).

    constant pose: median training position, and of the training rotations the one nearest to all others;
    feature retrieval: pose of the training image with the most similar features;
    retrieval, best k: mean pose of the five training images with the most similar features, weighted by similarity;
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
    """Errors of always estimating the median of known positions and the medoid of their rotations."""
    position = np.tile(np.median(known.positions, axis=0), (len(truth), 1))
    quat = np.tile(_medoid_quat(known.quats_xyzw), (len(truth), 1))
    return pose_errors(Poses(position, quat), truth)


def best_k_poses(index: RetrievalIndex, descriptors: np.ndarray, k: int = 5) -> Poses:
    """The mean poses (M) of the k most similar, weighted by similarity, for (M, D)."""
    similarity = index.project(descriptors) @ index.descriptors.T
    k = min(k, len(index.positions))
    best = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
    # an image that looks opposite has no say, unless all do
    weights = np.maximum(np.take_along_axis(similarity, best, axis=1), 1e-6).astype(np.float64)
    return _mean_poses(index, best, weights)


def cell_poses(index: RetrievalIndex, descriptors: np.ndarray, cells: int | None = None, seed: int = 0) -> Poses:
    """The mean pose (M) of the cell of nearest mean feature, for (M, D).

    Cells are k-means clusters of training position and viewing direction, sqrt(N) unless said. The thesis
    (3.1.2) trains a softmax over cells of position alone; nearest class mean needs no training.
    """
    labels = _cells(index, cells or max(int(np.sqrt(len(index.positions))), 1), seed)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    means = np.array([index.descriptors[rows].mean(axis=0) for rows in members])
    poses = Poses.stack(_mean_poses(index, rows[None], np.ones((1, len(rows))))[0] for rows in members)
    # nearest in Euclidean distance, without the query's own length, which all cells share
    score = index.project(descriptors) @ means.T - 0.5 * np.square(means).sum(axis=1)
    return poses[np.argmax(score, axis=1)]


def _cells(index: RetrievalIndex, cells: int, seed: int) -> np.ndarray:
    # a metre counts as much as a radian, as for the oracle
    view = Rotation.from_quat(index.quats_xyzw).apply([0.0, 0.0, 1.0])
    points = np.hstack([index.positions, view]).astype(np.float64)
    start = points[np.random.default_rng(seed).choice(len(points), min(cells, len(points)), replace=False)]
    centres, _ = kmeans2(points, start, minit="matrix")
    return np.argmin(np.square(centres).sum(axis=1) - 2 * points @ centres.T, axis=1)


def _mean_poses(index: RetrievalIndex, rows: np.ndarray, weights: np.ndarray) -> Poses:
    share = weights / weights.sum(axis=1, keepdims=True)
    positions = np.einsum("mk,mkc->mc", share, index.positions[rows])
    quats = [Rotation.from_quat(index.quats_xyzw[row]).mean(w).as_quat() for row, w in zip(rows, share)]
    return Poses(positions, np.array(quats)).shifted(index.origin)


def _medoid_quat(quats_xyzw: np.ndarray) -> np.ndarray:
    sample = quats_xyzw[:: max(len(quats_xyzw) // 500, 1)]
    total = [angular_distance(sample, quat[None]).sum() for quat in sample]
    return sample[int(np.argmin(total))]

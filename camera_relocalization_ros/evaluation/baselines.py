# SPDX-License-Identifier: BSD-3-Clause
"""Poses that the training images alone give: interpolated from the most alike, or the mean of a cell (thesis 3.1)."""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.pose import Poses


def best_k_poses(index: RetrievalIndex, descriptors: np.ndarray, k: int = 5) -> Poses:
    """The mean poses (M) of the k most alike, weighted by similarity, for (M, D)."""
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
    return Poses(positions, np.array(quats))

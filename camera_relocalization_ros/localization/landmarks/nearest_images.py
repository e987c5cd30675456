# SPDX-License-Identifier: BSD-3-Clause
"""Which of a map's images were taken nearest to a pose, of many images by an index."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.core.pose import Pose, Poses, pose_distance

# of fewer images the distances to all are sooner there than the index
MANY_IMAGES = 5000
# how many times the wanted number is looked at first, to tell how far the nearest may be
GUESSED = 2


class NearestImages:
    """Finds the nearest of poses by `pose_distance`: metres and radians added.

    The index is of points in twelve dimensions, positions and rotation matrices divided by the root of two, which are
    never further apart than the poses: matrices of rotations an angle apart differ by at most this angle times that.
    """

    def __init__(self, poses: Poses) -> None:
        self._poses = poses
        self._tree = cKDTree(_points(poses)) if len(poses) > MANY_IMAGES else None

    def __call__(self, pose: Pose, count: int) -> np.ndarray:
        """Indices (count,) of the nearest, or of all where there are fewer, the nearest first."""
        rows = np.arange(len(self._poses)) if self._tree is None else self._within_reach(self._tree, pose, count)
        nearest: np.ndarray = rows[np.argsort(pose_distance(self._poses[rows], pose))[:count]]
        return nearest

    def _within_reach(self, tree: cKDTree, pose: Pose, count: int) -> np.ndarray:
        """Indices of poses that may be among the nearest: no further than the last of `count` that are near."""
        point = _points(Poses(pose.position[None], pose.quat_xyzw[None]))[0]
        _, close = tree.query(point, min(GUESSED * count, len(self._poses)))
        reach = np.partition(pose_distance(self._poses[close], pose), count - 1)[count - 1]
        return np.sort(np.array(tree.query_ball_point(point, reach * (1 + 1e-6)), dtype=np.int64))


def _points(poses: Poses) -> np.ndarray:
    return np.hstack([poses.positions, poses.rotations.as_matrix().reshape(-1, 9) / np.sqrt(2)])

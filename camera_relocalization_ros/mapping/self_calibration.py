# SPDX-License-Identifier: BSD-3-Clause
"""The camera's intrinsics and extrinsics that make the images agree best, with the poses as they are."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera_correction import CameraCorrection
from camera_relocalization_ros.mapping.triangulation import (
    Observations,
    in_cameras,
    linearised,
    sums,
    transposed,
    triangulate,
)

ITERATIONS = 6
# a hundredth of the focal length, a centimetre and half a degree are usual; images must speak against them
PRIOR_SD = np.array([0.05, 0.01, 0.01, 0.05, 0.03, 0.03, 0.03, 0.02, 0.02, 0.02])
# of one observation, a pixel and a half at 600 pixels focal length; hundreds of them share an error of the pose
OBSERVATION_SD = 0.0025 * 10


def calibrate(seen: Observations, T_parent_child: np.ndarray, count: int, start: CameraCorrection) -> CameraCorrection:
    """The correction under which `count` landmarks fit best to their rays by the given intrinsics.

    Gauss-Newton from `start`; the landmarks are eliminated from the normal equations (Schur complement); errors
    weigh as in `triangulate`.
    """
    values = start.vector
    for _ in range(ITERATIONS):
        correction = CameraCorrection.from_vector(values)
        T_parent_lens = T_parent_child @ correction.T_child_lens
        corrected = Observations(seen.image, seen.landmark, correction.apply(seen.rays))
        points = triangulate(corrected, T_parent_lens, count)
        known = np.isfinite(points).all(axis=1)[seen.landmark]
        step = _step(seen.take(known), corrected.take(known), points, T_parent_child, T_parent_lens, values)
        values = values + step
    return CameraCorrection.from_vector(values)


def _step(
    seen: Observations,
    corrected: Observations,
    points: np.ndarray,
    T_parent_child: np.ndarray,
    T_parent_lens: np.ndarray,
    values: np.ndarray,
) -> np.ndarray:
    by_point, errors, weights = linearised(points, corrected, T_parent_lens)
    by_camera = _camera_jacobians(seen, points, T_parent_child, T_parent_lens, values, by_point)
    count = len(points)

    def summed(products: np.ndarray) -> np.ndarray:
        return sums(products.reshape(len(products), -1), seen.landmark, count).reshape(count, *products.shape[1:])

    of_points, of_camera, left = transposed(by_point, weights), transposed(by_camera, weights), errors[:, :, None]
    point_point, camera_point = summed(of_points @ by_point), summed(of_camera @ by_point)
    solvable = np.abs(np.linalg.det(point_point)) > 1e-12
    gains = np.zeros_like(camera_point)
    gains[solvable] = camera_point[solvable] @ np.linalg.inv(point_point[solvable])
    normal = (of_camera @ by_camera).sum(axis=0) - np.einsum("lik,ljk->ij", gains, camera_point)
    gradient = (of_camera @ left).sum(axis=0)[:, 0] - np.einsum("lik,lk->i", gains, summed(of_points @ left)[..., 0])
    prior = OBSERVATION_SD**2 / PRIOR_SD**2
    departure = values - CameraCorrection().vector
    return np.linalg.solve(normal + np.diag(prior), gradient - prior * departure)


def _camera_jacobians(
    seen: Observations,
    points: np.ndarray,
    T_parent_child: np.ndarray,
    T_parent_lens: np.ndarray,
    values: np.ndarray,
    by_point: np.ndarray,
) -> np.ndarray:
    """Of (projection - corrected ray) by the ten numbers of the correction: (o, 2, 10)."""
    radius2 = np.sum(np.square(seen.rays), axis=1, keepdims=True)
    jacobians = np.zeros((len(seen), 2, 10))
    jacobians[:, :, 0] = -(1 + values[3] * radius2) * seen.rays
    jacobians[:, 0, 1] = jacobians[:, 1, 2] = -1.0
    jacobians[:, :, 3] = -values[0] * radius2 * seen.rays
    # a point moves in the child frame against the lens; by_point is in the parent frame
    R_parent_child = T_parent_child[seen.image, :3, :3]
    jacobians[:, :, 4:7] = -by_point @ R_parent_child
    local = in_cameras(points, seen, T_parent_lens)
    in_lens = by_point @ T_parent_lens[seen.image, :3, :3]
    jacobians[:, :, 7:10] = np.cross(in_lens, local[:, None, :]) @ _right_jacobian(values[7:10])
    return jacobians


def _right_jacobian(rotvec: np.ndarray) -> np.ndarray:
    """Of the exponential map, to first order in the small rotation."""
    return Rotation.from_rotvec(-np.asarray(rotvec) / 2).as_matrix()

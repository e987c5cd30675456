# SPDX-License-Identifier: BSD-3-Clause
"""Points in space from the rays of several images of known poses; all points at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

ITERATIONS = 5
# errors on z = 1 beyond this count less and less (Geman & McClure 1985); three pixels at 600 pixels focal length
ROBUST_SCALE = 0.005


@dataclass(frozen=True)
class Observations:
    """Who sees what where: image (o,), landmark (o,) indices, rays (o, 2) on z = 1; sorted by nothing."""

    image: np.ndarray
    landmark: np.ndarray
    rays: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    def take(self, chosen: np.ndarray) -> Observations:
        """Those of an index or a mask."""
        return Observations(self.image[chosen], self.landmark[chosen], self.rays[chosen])

    def renumbered(self, keep: np.ndarray) -> Observations:
        """Those of the landmarks of a mask `keep` (l,), which are numbered anew."""
        chosen = self.take(keep[self.landmark])
        return replace(chosen, landmark=(np.cumsum(keep) - 1)[chosen.landmark])


def triangulate(seen: Observations, T_parent_camera: np.ndarray, count: int) -> np.ndarray:
    """Points (count, 3) in the parent frame nearest to their rays in the image; NaN where rays do not tell.

    Begins with the point nearest to the rays in space, then minimises the error in the images (Gauss-Newton).
    """
    centres = T_parent_camera[seen.image, :3, 3]
    directions = np.einsum("oij,oj->oi", T_parent_camera[seen.image, :3, :3], _homogeneous(seen.rays))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    across = centres - directions * np.sum(directions * centres, axis=1, keepdims=True)
    # of the projectors across the rays, I - d d^T
    A = np.bincount(seen.landmark, minlength=count)[:, None, None] * np.eye(3)
    A = A - _summed_squares(directions[:, None], np.ones(len(seen)), seen.landmark, count)
    points = _solve(A, sums(across, seen.landmark, count))
    # by coordinate, (3, 3, o), (3, o) and (2, o): whole arrays are added and multiplied, not small matrices
    R, centre, rays = (
        np.moveaxis(T_parent_camera[seen.image, :3, :3], 0, 2).copy(),
        centres.T.copy(),
        seen.rays.T.copy(),
    )
    for _ in range(ITERATIONS):
        points = points + _step(points.T[:, seen.landmark], R, centre, rays, seen.landmark, count)
    return points


def _step(
    seen_points: np.ndarray, R: np.ndarray, centre: np.ndarray, rays: np.ndarray, landmark: np.ndarray, count: int
) -> np.ndarray:
    """Where Gauss-Newton moves points (count, 3); of each observation its point (3, o), R_parent_camera (3, 3, o), the
    camera's centre (3, o), ray (2, o) and landmark (o,). As `linearised`, coordinate by coordinate.
    """
    offset = seen_points - centre
    local = R[0] * offset[0] + R[1] * offset[1] + R[2] * offset[2]
    depth = np.where(np.abs(local[2]) < 1e-6, 1e-6, local[2])
    projected = local[:2] / depth
    errors = np.nan_to_num(rays - projected)
    weights = 1.0 / np.square(1.0 + (errors**2).sum(axis=0) / ROBUST_SCALE**2)
    jacobians = [(R[:, axis] - projected[axis] * R[:, 2]) / depth for axis in (0, 1)]
    weighted = [jacobian * weights for jacobian in jacobians]
    A, gradient = np.empty((count, 3, 3)), np.empty((count, 3))
    for i in range(3):
        pull = weighted[0][i] * errors[0] + weighted[1][i] * errors[1]
        gradient[:, i] = np.bincount(landmark, pull, count)
        for j in range(i, 3):
            products = weighted[0][i] * jacobians[0][j] + weighted[1][i] * jacobians[1][j]
            A[:, i, j] = A[:, j, i] = np.bincount(landmark, products, count)
    return _solve(A, gradient)


def reprojection_errors(points: np.ndarray, seen: Observations, T_parent_camera: np.ndarray) -> np.ndarray:
    """Distances (o,) on z = 1 between where points (l, 3) should appear and do; inf behind the camera."""
    local = in_cameras(points, seen, T_parent_camera)
    with np.errstate(all="ignore"):
        errors = np.linalg.norm(seen.rays - local[:, :2] / local[:, 2:], axis=1)
    return np.where(local[:, 2] > 1e-3, errors, np.inf)


def parallax_angles(points: np.ndarray, seen: Observations, T_parent_camera: np.ndarray) -> np.ndarray:
    """Largest angle (l,) in radians between the mean direction to a point and one of its rays, doubled."""
    directions = points[seen.landmark] - T_parent_camera[seen.image, :3, 3]
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
    mean = sums(directions, seen.landmark, len(points))
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    cosine = np.ones(len(points))
    np.minimum.at(cosine, seen.landmark, np.sum(directions * mean[seen.landmark], axis=1))
    return 2 * np.arccos(np.clip(cosine, -1, 1))


def sums(values: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Sum of values (o, k) by group: (count, k)."""
    # of nothing at all bincount counts in integers
    return np.stack([np.bincount(groups, column, count).astype(np.float64) for column in values.T], axis=1)


def transposed(jacobians: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each Jacobian (o, 2, k) transposed, times its weight: (o, k, 2); times Jacobians it makes normal equations."""
    weighted: np.ndarray = np.swapaxes(jacobians, 1, 2) * weights[:, None, None]
    return weighted


def linearised(
    points: np.ndarray, seen: Observations, T_parent_camera: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Jacobians (o, 2, 3) of the projections, the errors (o, 2) that are left, and robust weights (o,) of these."""
    local = in_cameras(points, seen, T_parent_camera)
    depth = np.where(np.abs(local[:, 2]) < 1e-6, 1e-6, local[:, 2])
    projected = local[:, :2] / depth[:, None]
    # the camera's axes in the parent frame; a product of small matrices for each observation takes longer
    axes = T_parent_camera[seen.image, :3, :3] / depth[:, None, None]
    jacobians = np.empty((len(seen), 2, 3))
    for axis in (0, 1):
        jacobians[:, axis] = axes[:, :, axis] - projected[:, axis, None] * axes[:, :, 2]
    errors = np.nan_to_num(seen.rays - projected)
    weights = 1.0 / np.square(1.0 + np.sum(errors**2, axis=1) / ROBUST_SCALE**2)
    return jacobians, errors, weights


def in_cameras(points: np.ndarray, seen: Observations, T_parent_camera: np.ndarray) -> np.ndarray:
    """Points (o, 3) of the observed landmarks in the frames of the cameras that see them."""
    offsets = points[seen.landmark] - T_parent_camera[seen.image, :3, 3]
    return np.einsum("oji,oj->oi", T_parent_camera[seen.image, :3, :3], offsets)


def _summed_squares(vectors: np.ndarray, weights: np.ndarray, landmark: np.ndarray, count: int) -> np.ndarray:
    """Sums (count, 3, 3) by landmark of w v v^T, of vectors (o, k, 3) with weights (o,)."""
    total = np.empty((count, 3, 3))
    for i in range(3):
        weighted = vectors[:, :, i] * weights[:, None]
        for j in range(i, 3):
            products = np.einsum("ok,ok->o", weighted, vectors[:, :, j])
            total[:, i, j] = total[:, j, i] = np.bincount(landmark, products, count)
    return total


def _solve(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x (l, 3) of symmetric systems A (l, 3, 3) x = b (l, 3); NaN where A is singular.

    By the adjugate, whose entries are arrays (l,): a decomposition for each small matrix takes twenty times as long.
    """
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = A.transpose(1, 2, 0)
    adjugate = {
        (0, 0): yy * zz - yz * yz,
        (0, 1): xz * yz - xy * zz,
        (0, 2): xy * yz - xz * yy,
        (1, 1): xx * zz - xz * xz,
        (1, 2): xy * xz - xx * yz,
        (2, 2): xx * yy - xy * xy,
    }
    with np.errstate(all="ignore"):
        determinant = xx * adjugate[0, 0] + xy * adjugate[0, 1] + xz * adjugate[0, 2]
        determinant[~(np.abs(determinant) > 1e-12)] = np.nan
        columns = [sum(adjugate[min(i, j), max(i, j)] * b[:, j] for j in range(3)) for i in range(3)]
        return np.stack(columns, axis=1) / determinant[:, None]


def _homogeneous(rays: np.ndarray) -> np.ndarray:
    return np.column_stack([rays, np.ones(len(rays))])

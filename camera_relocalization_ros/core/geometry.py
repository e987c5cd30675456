# SPDX-License-Identifier: BSD-3-Clause
"""Rigid transforms and unit quaternions; knows nothing of time, files or ROS.

A transform `T_a_b` is a (..., 4, 4) float64 matrix that maps points of frame b into frame a.
Quaternions are xyzw; q and -q are the same rotation and the canonical one has w >= 0.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

# a float32 within 16 m of zero is off by a micrometre at most
NEAR_M = 16.0


def position_origin(positions: np.ndarray) -> np.ndarray:
    """What is taken off positions (N, 3) where they are computed with in float32: whole metres (3,) in their middle.

    Zero where the middle lies within NEAR_M of zero, as in rooms and around objects; far from it, as in UTM or ECEF,
    float32 would have steps of centimetres.
    """
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2 if len(positions) else np.zeros(3)
    return np.round(middle) if np.abs(middle).max() > NEAR_M else np.zeros(3)


def canonical_quat(quat_xyzw: np.ndarray) -> np.ndarray:
    """The same rotations (..., 4) as unit quaternions with w >= 0."""
    quat_xyzw = np.asarray(quat_xyzw, dtype=np.float64)
    norm = np.linalg.norm(quat_xyzw, axis=-1, keepdims=True)
    if not np.all(norm > 1e-9):
        raise ValueError("a quaternion of length zero is no rotation")
    canonical: np.ndarray = np.where(quat_xyzw[..., 3:] < 0, -quat_xyzw, quat_xyzw) / norm
    return canonical


def pose_matrix(position: np.ndarray, quat_xyzw: np.ndarray) -> np.ndarray:
    """T_a_b (..., 4, 4) from the position (..., 3) and rotation (..., 4) of b in a."""
    position = np.asarray(position, dtype=np.float64)
    quat_n4 = np.asarray(quat_xyzw, dtype=np.float64).reshape(-1, 4)
    T_a_b = np.zeros(position.shape[:-1] + (4, 4))
    T_a_b[..., :3, :3] = Rotation.from_quat(quat_n4).as_matrix().reshape(position.shape[:-1] + (3, 3))
    T_a_b[..., :3, 3] = position
    T_a_b[..., 3, 3] = 1.0
    return T_a_b


def position_quat(T_a_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position (..., 3) and canonical quaternion (..., 4) of T_a_b (..., 4, 4).

    Rotation parts that are orthonormal only to a few digits are fine; one with a scale is not: old SciPy turns it.
    """
    T_a_b = np.asarray(T_a_b, dtype=np.float64)
    R_n33 = T_a_b[..., :3, :3].reshape(-1, 3, 3)
    quat_xyzw = Rotation.from_matrix(R_n33).as_quat().reshape(T_a_b.shape[:-2] + (4,))
    return T_a_b[..., :3, 3].copy(), canonical_quat(quat_xyzw)


def invert(T_a_b: np.ndarray) -> np.ndarray:
    """T_b_a (..., 4, 4)."""
    T_a_b = np.asarray(T_a_b, dtype=np.float64)
    R_b_a = np.swapaxes(T_a_b[..., :3, :3], -1, -2)
    T_b_a = np.zeros_like(T_a_b)
    T_b_a[..., :3, :3] = R_b_a
    T_b_a[..., :3, 3] = -np.einsum("...ij,...j->...i", R_b_a, T_a_b[..., :3, 3])
    T_b_a[..., 3, 3] = 1.0
    return T_b_a


def part_of_motion(T_before_after: np.ndarray, share: float) -> np.ndarray:
    """A part of a motion (4, 4), or more than all of it: about the same axis, and along the same straight line."""
    T_before_then = np.eye(4)
    turned = Rotation.from_matrix(T_before_after[:3, :3]).as_rotvec()
    T_before_then[:3, :3] = Rotation.from_rotvec(share * turned).as_matrix()
    T_before_then[:3, 3] = share * T_before_after[:3, 3]
    return T_before_then


def transform_points(T_a_b: np.ndarray, points_b: np.ndarray) -> np.ndarray:
    """Points (N, 3) of frame b expressed in frame a, for one T_a_b (4, 4)."""
    points_a: np.ndarray = np.asarray(points_b) @ T_a_b[:3, :3].T + T_a_b[:3, 3]
    return points_a


def angular_distance(quat_a: np.ndarray, quat_b: np.ndarray) -> np.ndarray:
    """Angle (...,) in radians, 0 to pi, of the rotation between unit quaternions (..., 4).

    atan2 keeps full precision at small angles, where arccos of the dot product loses half the digits.
    """
    quat_a, quat_b = canonical_quat(quat_a), canonical_quat(quat_b)
    sign = np.where(np.sum(quat_a * quat_b, axis=-1, keepdims=True) < 0, -1.0, 1.0)
    difference = np.linalg.norm(quat_a - sign * quat_b, axis=-1)
    total = np.linalg.norm(quat_a + sign * quat_b, axis=-1)
    angle_rad: np.ndarray = 4.0 * np.arctan2(difference, total)
    return angle_rad

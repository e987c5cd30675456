# SPDX-License-Identifier: BSD-3-Clause
"""Poses as values: one (`Pose`), many (`Poses`), what two of them differ by and how far apart they are.

A pose T_a_b is that of frame b in frame a, and maps points of b into a: T_a_b @ T_b_c is T_a_c. Nothing here knows
frame names, stamps, files or ROS; the arrays' arithmetic is in `core.geometry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, overload

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.geometry import angular_distance, canonical_quat, invert, pose_matrix, position_quat

# what satellites and the grids of countries give stays below: a position beyond it was damaged, or is none
MAX_POSITION_M = 1e8


def is_pose(position: np.ndarray, quat_xyzw: np.ndarray) -> np.ndarray:
    """Whether numbers (..., 3) and (..., 4) are poses, as booleans (...): finite, on Earth, a quaternion not zero."""
    position, quat = np.asarray(position, dtype=np.float64), np.asarray(quat_xyzw, dtype=np.float64)
    # a comparison with NaN is false
    is_place = (np.abs(position) <= MAX_POSITION_M).all(axis=-1)
    length = np.linalg.norm(quat, axis=-1)
    fits: np.ndarray = is_place & (length > 1e-9) & (length < np.inf)
    return fits


@dataclass(frozen=True, eq=False)
class Pose:
    """T_a_b: position (3,) of b in a in metres, and its rotation as a unit quaternion quat_xyzw (4,), as float64.

    The quaternion is kept as given, so q stays apart from -q until `canonical`. Raises ValueError for other shapes.
    """

    position: np.ndarray
    quat_xyzw: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", np.asarray(self.position, dtype=np.float64))
        object.__setattr__(self, "quat_xyzw", np.asarray(self.quat_xyzw, dtype=np.float64))
        shapes = self.position.shape, self.quat_xyzw.shape
        if shapes != ((3,), (4,)):
            raise ValueError(f"a pose is a position (3,) and a quaternion (4,), found shapes {shapes}")

    @classmethod
    def identity(cls) -> Pose:
        """The pose of a frame in itself."""
        return cls(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))

    @classmethod
    def from_matrix(cls, T_a_b: np.ndarray) -> Pose:
        """Of T_a_b (4, 4), whose rotation part need be orthonormal only to a few digits; quaternion canonical."""
        return cls(*position_quat(T_a_b))

    @property
    def matrix(self) -> np.ndarray:
        """T_a_b (4, 4)."""
        return pose_matrix(self.position, self.quat_xyzw)

    @property
    def rotation(self) -> Rotation:
        """R_a_b."""
        return Rotation.from_quat(self.quat_xyzw)

    @property
    def inverse(self) -> Pose:
        """T_b_a; its quaternion is canonical."""
        return Pose.from_matrix(invert(self.matrix))

    def shifted(self, by: np.ndarray) -> Pose:
        """The same with its position moved by (3,) metres along the axes of a; an origin is added or taken off so."""
        return Pose(self.position + by, self.quat_xyzw)

    def scaled(self, by: float) -> Pose:
        """The same with its position multiplied: in another unit."""
        return Pose(self.position * by, self.quat_xyzw)

    @property
    def canonical(self) -> Pose:
        """The same pose with a quaternion of length one and w >= 0."""
        return Pose(self.position, canonical_quat(self.quat_xyzw))

    def __matmul__(self, T_b_c: Pose) -> Pose:
        """T_a_c; its quaternion is canonical."""
        return Pose.from_matrix(self.matrix @ T_b_c.matrix)


@dataclass(frozen=True, eq=False)
class Poses:
    """N poses: positions (N, 3) in metres and quats_xyzw (N, 4), as float64; a row of NaN is a pose nobody knows.

    An index or an iteration gives `Pose`; slices, masks and lists of rows give `Poses`. Raises ValueError for other
    shapes.
    """

    positions: np.ndarray
    quats_xyzw: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", np.asarray(self.positions, dtype=np.float64))
        object.__setattr__(self, "quats_xyzw", np.asarray(self.quats_xyzw, dtype=np.float64))
        shapes, count = (self.positions.shape, self.quats_xyzw.shape), len(self.positions)
        if shapes != ((count, 3), (count, 4)):
            raise ValueError(f"poses are positions (N, 3) and quaternions (N, 4), found shapes {shapes}")

    @classmethod
    def stack(cls, poses: Iterable[Pose]) -> Poses:
        """Single poses, of which there may be none, as rows."""
        rows = list(poses)
        positions = np.array([pose.position for pose in rows]).reshape(-1, 3)
        return cls(positions, np.array([pose.quat_xyzw for pose in rows]).reshape(-1, 4))

    @classmethod
    def from_rows(cls, poses_n7: np.ndarray) -> Poses:
        """Of rows x, y, z, qx, qy, qz, qw."""
        return cls(poses_n7[:, :3], poses_n7[:, 3:])

    @property
    def rows(self) -> np.ndarray:
        """(N, 7): x, y, z, qx, qy, qz, qw."""
        return np.hstack([self.positions, self.quats_xyzw])

    @classmethod
    def from_matrices(cls, T_a_b_n44: np.ndarray) -> Poses:
        """Of T_a_b (N, 4, 4), as `Pose.from_matrix`."""
        return cls(*position_quat(T_a_b_n44))

    @property
    def matrices(self) -> np.ndarray:
        """T_a_b (N, 4, 4)."""
        return pose_matrix(self.positions, self.quats_xyzw)

    @property
    def rotations(self) -> Rotation:
        """R_a_b, N of them."""
        return Rotation.from_quat(self.quats_xyzw)

    @property
    def inverse(self) -> Poses:
        """T_b_a of each."""
        return Poses.from_matrices(invert(self.matrices))

    def shifted(self, by: np.ndarray) -> Poses:
        """As `Pose.shifted`, all by the same (3,)."""
        return Poses(self.positions + by, self.quats_xyzw)

    def __matmul__(self, T_b_c: Pose | Poses) -> Poses:
        """T_a_c of each, with one T_b_c for all or one for each."""
        right = T_b_c.matrix if isinstance(T_b_c, Pose) else T_b_c.matrices
        return Poses.from_matrices(self.matrices @ right)

    def __len__(self) -> int:
        return len(self.positions)

    def __iter__(self) -> Iterator[Pose]:
        return map(Pose, self.positions, self.quats_xyzw)

    @overload
    def __getitem__(self, rows: int | np.integer) -> Pose: ...

    @overload
    def __getitem__(self, rows: slice | np.ndarray | list[int]) -> Poses: ...

    def __getitem__(self, rows: int | np.integer | slice | np.ndarray | list[int]) -> Pose | Poses:
        kind = Pose if isinstance(rows, (int, np.integer)) else Poses
        return kind(self.positions[rows], self.quats_xyzw[rows])


@overload
def pose_residual(estimate: Pose, truth: Pose) -> np.ndarray: ...


@overload
def pose_residual(estimate: Poses, truth: Pose | Poses) -> np.ndarray: ...


def pose_residual(estimate: Pose | Poses, truth: Pose | Poses) -> np.ndarray:
    """By what estimates differ from the truth, (6,) or (N, 6), where geometry_msgs/PoseWithCovariance has errors.

    First metres along, then the rotation vector in radians about the fixed axes of the parent frame: the estimate's
    rotation is Exp(vector) times the true one. q and -q are equal.
    """
    turn = _rotation(estimate) * _rotation(truth).inv()
    return np.concatenate([_position(estimate) - _position(truth), turn.as_rotvec()], axis=-1)


def lever_jacobian(lever: np.ndarray) -> np.ndarray:
    """(6, 6) that turns errors of T_a_b, as `pose_residual` has them, into those of T_a_c, c being fixed in b.

    lever (3,): from b to c in axes of a. Where the rotation is wrong by e, c is off by e x lever, to first order.
    """
    x, y, z = lever
    jacobian = np.eye(6)
    jacobian[:3, 3:] = [[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]]
    return jacobian


def carried_covariance(covariance: np.ndarray, T_m_a: Pose, T_a_b: Pose, T_b_c: Pose) -> np.ndarray:
    """Covariance (6, 6) of T_m_a @ T_a_b @ T_b_c, of which T_a_b alone is uncertain, with this covariance (6, 6).

    Before and after, errors are those of `pose_residual`: along and about the fixed axes of the parent, a at first and
    then m (REP 103). This is the adjoint of SE(3) for errors that are kept apart like that.
    """
    turn = np.kron(np.eye(2), T_m_a.rotation.as_matrix())
    jacobian = turn @ lever_jacobian(T_a_b.rotation.apply(T_b_c.position))
    carried: np.ndarray = jacobian @ covariance @ jacobian.T
    return carried


def pose_distance(poses: Pose | Poses, others: Pose | Poses) -> np.ndarray:
    """How far apart poses are, (N,) or () for two single ones: metres and radians added, one counting as the other."""
    metres = np.linalg.norm(_position(poses) - _position(others), axis=-1)
    distance: np.ndarray = metres + angular_distance(_quat(poses), _quat(others))
    return distance


def _position(pose: Pose | Poses) -> np.ndarray:
    return pose.position if isinstance(pose, Pose) else pose.positions


def _quat(pose: Pose | Poses) -> np.ndarray:
    return pose.quat_xyzw if isinstance(pose, Pose) else pose.quats_xyzw


def _rotation(pose: Pose | Poses) -> Rotation:
    return Rotation.from_quat(_quat(pose))

# SPDX-License-Identifier: BSD-3-Clause
"""Whether another camera would see more of some points than the one whose pose they gave.

`pnp.camera_changes` asks the points that agree with a pose. Of a camera of another focal length these are often those
of a plane or of a part of the picture, where a wrong pose makes up for it; the others tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camera_relocalization_ros.vision.pnp import (
    LEAST_DEPTH,
    LEAST_POINTS,
    LEAST_SHARE,
    MEDIANS,
    MEDIANS_OF_WHITE,
    NARROWINGS,
    CameraPart,
    moved,
    whitening_of,
)

# times the tolerance, of the robust errors that are descended first, and steps down each
WIDE, STEPS = (8.0, 4.0, 2.0), 2
# a change of so much is not unusual, where points do not tell; it grows by no more than the second in a step
USUAL_CHANGE, LONGEST_STEP = 0.5, 0.1
# of a pose, so that few points, or such as fix none, leave it as it is
LEAST_STIFFNESS = 1e-12
# each with one part changed; the last is the camera as it is, for comparison
CAMERAS = len(CameraPart) + 1


@dataclass(frozen=True)
class CameraFits:
    """Of each CameraPart (5,): by how much its change makes points agree best, and that number's standard deviation.

    gains: how many more points agree exactly with it than without, those that nearly agree counting in part.
    """

    changes: np.ndarray
    deviations: np.ndarray
    gains: np.ndarray


def fitted_cameras(
    points: np.ndarray,
    rays: np.ndarray,
    T_parent_camera: np.ndarray,
    tolerance: float,
    precise: float,
    spreads: np.ndarray | None = None,
    least_noise: float = 0.0,
) -> CameraFits:
    """With which change of each CameraPart points (n, 3) agree best with rays (n, 2), most of which may not yet.

    Each part is fitted together with the pose by Gauss-Newton, from the given pose on. The robust error is wide at
    first and narrower by halves (graduated non-convexity, Blake & Zisserman 1987), at last as `pnp.refine_pose` has it,
    whose arguments these are. Points agree exactly that are off by next to nothing, and not at all that are off by
    `precise` on z = 1. Too few points tell nothing: no change, infinite deviations. least_noise: as
    `pnp.camera_changes` has it.
    """
    if len(points) < LEAST_POINTS:
        nothing = np.zeros(len(CameraPart))
        return CameraFits(nothing, nothing + np.inf, nothing)
    seen = _Seen(points, rays, T_parent_camera, precise, spreads)
    poses, changes, narrow = seen.fitted(np.zeros(CAMERAS), tolerance, is_fixed=False)
    deviations = seen.deviations(poses, changes, narrow, least_noise)
    return CameraFits(changes[:-1], deviations[:-1], seen.gains(poses, changes))


def gains_by_changes(
    points: np.ndarray,
    rays: np.ndarray,
    T_parent_camera: np.ndarray,
    changes_5: np.ndarray,
    tolerance: float,
    precise: float,
    spreads: np.ndarray | None = None,
) -> np.ndarray:
    """How many more points (5,) agree exactly by a given change of each CameraPart, the pose alone fitted.

    Arguments as of `fitted_cameras`; zeros where there are too few points. By a change that is not there far fewer
    agree; by the true one not, also in views where as many agree with a wrong pose of the camera as it was taken to be.
    """
    if len(points) < LEAST_POINTS:
        return np.zeros(len(CameraPart))
    seen = _Seen(points, rays, T_parent_camera, precise, spreads)
    poses, changes, _ = seen.fitted(np.append(changes_5, 0.0), tolerance, is_fixed=True)
    return seen.gains(poses, changes)


class _Seen:
    """Points (n, 3) and the rays (n, 2) that they are seen by from a pose or one nearby.

    Cameras explain them that are at poses (c, 4, 4), each with a change (c,) of its own part, at once.
    """

    def __init__(
        self,
        points: np.ndarray,
        rays: np.ndarray,
        T_parent_camera: np.ndarray,
        precise: float,
        spreads: np.ndarray | None,
    ) -> None:
        self._points, self._rays, self._pose, self._precise = points.T, rays.T, T_parent_camera, precise
        self._whitening = None if spreads is None else whitening_of(points, spreads, T_parent_camera)
        self._medians = MEDIANS if spreads is None else MEDIANS_OF_WHITE

    def fitted(
        self, changes: np.ndarray, tolerance: float, is_fixed: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Poses and changes of best cameras, and the tolerances (c,) of their robust errors; is_fixed: of the given
        changes.
        """
        poses = np.tile(self._pose, (CAMERAS, 1, 1))
        for times in WIDE:
            poses, changes = self._descended(poses, changes, np.full(CAMERAS, times * tolerance), is_fixed)
        narrow = np.full(CAMERAS, tolerance)
        for _ in range(NARROWINGS):
            poses, changes = self._descended(poses, changes, narrow, is_fixed)
            medians = self._medians * self._median_errors(poses, changes, tolerance)
            narrow = np.clip(medians, LEAST_SHARE * tolerance, tolerance)
        return (*self._descended(poses, changes, narrow, is_fixed), narrow)

    def gains(self, poses: np.ndarray, changes: np.ndarray) -> np.ndarray:
        """How many more points agree exactly with each changed camera (c - 1,) than with the one that is not."""
        as_it_was = self._disagreeing(np.tile(self._pose, (CAMERAS, 1, 1)), np.zeros(CAMERAS))[-1]
        disagreeing = self._disagreeing(poses, changes)
        gained: np.ndarray = np.minimum(disagreeing[-1], as_it_was) - disagreeing[:-1]
        return gained

    def _disagreeing(self, poses: np.ndarray, changes: np.ndarray) -> np.ndarray:
        """How many points (c,) do not agree exactly; those that nearly do count in part."""
        counted: np.ndarray = np.sum(np.minimum(self._sizes(poses, changes) / self._precise, 1.0) ** 2, axis=1)
        return counted

    def _median_errors(self, poses: np.ndarray, changes: np.ndarray, tolerance: float) -> np.ndarray:
        """(c,), of the errors below a tolerance; it where there are none."""
        sizes = np.sort(self._sizes(poses, changes), axis=1)
        below = np.sum(sizes < tolerance, axis=1)
        medians = np.take_along_axis(sizes, (below // 2)[:, None] % sizes.shape[1], axis=1)[:, 0]
        return np.where(below > 0, medians, tolerance)

    def _descended(
        self, poses: np.ndarray, changes: np.ndarray, tolerances: np.ndarray, is_fixed: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cameras some steps nearer to the minima of robust errors with tolerances (c,)."""
        # what the points do not tell stays as it is
        stiffness = np.append(np.full(6, LEAST_STIFFNESS), (self._precise / USUAL_CHANGE) ** 2)
        for _ in range(STEPS):
            normal, pull, _ = self._normal_equations(poses, changes, tolerances)
            normal += np.diag(stiffness)
            pull[:, 6] -= stiffness[6] * changes
            free = 6 if is_fixed else 7
            steps = np.linalg.solve(normal[:, :free, :free], pull[:, :free, None])[:, :, 0]
            poses = np.array([moved(pose, step[:6]) for pose, step in zip(poses, steps)])
            if not is_fixed:
                changes = changes + np.clip(steps[:, 6], -LONGEST_STEP, LONGEST_STEP)
        return poses, changes

    def deviations(
        self, poses: np.ndarray, changes: np.ndarray, tolerances: np.ndarray, least_noise: float
    ) -> np.ndarray:
        """Standard deviations (c,) of the changes; no sense for that of the camera as it is."""
        normal, _, noise = self._normal_equations(poses, changes, tolerances)
        normal += LEAST_STIFFNESS * np.eye(7)
        deviations: np.ndarray = np.maximum(noise, least_noise) * np.sqrt(np.abs(np.linalg.inv(normal)[:, 6, 6]))
        return deviations

    def _sizes(self, poses: np.ndarray, changes: np.ndarray) -> np.ndarray:
        """Of the errors (c, n); infinite where a point is not in front."""
        _, errors, in_front = self._linearised(poses, changes)
        return np.where(in_front, np.linalg.norm(errors, axis=1), np.inf)

    def _normal_equations(
        self, poses: np.ndarray, changes: np.ndarray, tolerances: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Matrices (c, 7, 7) and right sides (c, 7) of pose and change, and standard deviations (c,) of errors."""
        jacobians, errors, in_front = self._linearised(poses, changes)
        squares = np.sum(errors**2, axis=1)
        weights = in_front / np.square(1.0 + squares / tolerances[:, None] ** 2)
        weighted = (jacobians * weights[:, None, None]).reshape(CAMERAS, 7, -1)
        normal = weighted @ jacobians.reshape(CAMERAS, 7, -1).transpose(0, 2, 1)
        pull = (weighted @ errors.reshape(CAMERAS, -1, 1))[:, :, 0]
        freedom = np.maximum(2 * np.sum(weights, axis=1) - 7, 1.0)
        return normal, pull, np.sqrt(np.sum(weights * squares, axis=1) / freedom)

    def _linearised(self, poses: np.ndarray, changes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Jacobians (c, 7, 2, n) by movement and turn along and about the camera's axes and by its change, errors
        (c, 2, n), and which points (c, n) lie in front.
        """
        local = poses[:, :3, :3].transpose(0, 2, 1) @ (self._points - poses[:, :3, 3:])
        in_front = local[:, 2] > LEAST_DEPTH
        nearness = 1.0 / np.where(in_front, local[:, 2], 1.0)
        u, v = local[:, 0] * nearness, local[:, 1] * nearness
        zero, square = np.zeros_like(u), u * u + v * v
        by_pose = np.array(
            [(-nearness, zero), (zero, -nearness), (u * nearness, v * nearness)]
            + [(u * v, 1.0 + v * v), (-1.0 - u * u, -u * v), (v, -u)]
        ).transpose(2, 0, 1, 3)
        by_change, bends = np.zeros((CAMERAS, 2, u.shape[1])), np.zeros((CAMERAS, 2, 2, u.shape[1]))
        focal, aspect, centre_x, centre_y, distortion = (int(part) for part in CameraPart)
        by_change[focal] = u[focal], v[focal]
        by_change[aspect] = u[aspect], -v[aspect]
        by_change[centre_x, 0] = by_change[centre_y, 1] = 1.0
        by_change[distortion] = square[distortion] * (u[distortion], v[distortion])
        # how what a change adds changes with where a point appears
        bends[focal, 0, 0] = bends[focal, 1, 1] = bends[aspect, 0, 0] = 1.0
        bends[aspect, 1, 1] = -1.0
        u_5, v_5 = u[distortion], v[distortion]
        bends[distortion] = (3 * u_5**2 + v_5**2, 2 * u_5 * v_5), (2 * u_5 * v_5, u_5**2 + 3 * v_5**2)
        by_pose += np.einsum("c,cijn,ckjn->ckin", changes, bends, by_pose)
        shown = np.stack([u, v], axis=1) + changes[:, None, None] * by_change
        errors = np.where(in_front[:, None], self._rays - shown, 0.0)
        jacobians = np.concatenate([by_pose, by_change[:, None]], axis=1)
        if self._whitening is None:
            return jacobians, errors, in_front
        whitened = np.einsum("nij,ckjn->ckin", self._whitening, jacobians)
        return whitened, np.einsum("nij,cjn->cin", self._whitening, errors), in_front

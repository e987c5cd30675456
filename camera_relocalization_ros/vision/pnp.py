# SPDX-License-Identifier: BSD-3-Clause
"""The pose of a camera from points in space and where it sees them, with its covariance."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.linalg.lapack import dgesv

from camera_relocalization_ros.core.geometry import invert

RANSAC_CONFIDENCE = 0.999
# of each descent of `refine_pose`, and how often its tolerance then follows the errors: to so many times their median,
# which is three and a half standard deviations of a coordinate, but no less than a share of the first tolerance
ITERATIONS, NARROWINGS, MEDIANS, LEAST_SHARE = 5, 2, 3.0, 0.1
# the same where points have covariances: what errs far more than its own says is wrong
MEDIANS_OF_WHITE = 2.0
# of `approach_pose`, at most: each lets the errors of right points shrink to a fraction
APPROACHES = 8
# six numbers are estimated from two of each point
LEAST_POINTS = 5
# metres; nearer points are behind the camera, or as good as
LEAST_DEPTH = 0.05
# of the normal equations; and the last step of a descent, in standard deviations of what it leads to
WORST_CONDITION, LEAST_STEP = 1e12, 0.03


@dataclass(frozen=True)
class PerspectivePose:
    """T_parent_camera (4, 4); covariance (6, 6) of position and rotations about the parent frame's axes (REP 103).

    inliers: indices of the points it rests on; noise: standard deviation of their errors on z = 1.
    """

    T_parent_camera: np.ndarray
    covariance: np.ndarray
    inliers: np.ndarray
    noise: float


def ransac_pose(
    points: np.ndarray, rays: np.ndarray, tolerance: float, iterations: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """T_parent_camera and indices of the points (n, 3) that agree with their rays (n, 2); None when none is found."""
    if len(points) < LEAST_POINTS:
        return None
    found, _, rotvec, translation, inliers = cv2.solvePnPRansac(
        points, rays, np.eye(3), None, params=_usac(tolerance, iterations)
    )
    if not found or inliers is None or len(inliers) < LEAST_POINTS:
        return None
    T_camera_parent = np.eye(4)
    T_camera_parent[:3, :3] = cv2.Rodrigues(rotvec)[0]
    T_camera_parent[:3, 3] = translation.ravel()
    return invert(T_camera_parent), inliers.ravel()


def _usac(tolerance: float, iterations: int) -> cv2.UsacParams:
    """Of OpenCV's newer RANSAC (Raguram et al. 2013), which finds the same points in a fifth of the time."""
    parameters = cv2.UsacParams()
    parameters.confidence, parameters.maxIterations, parameters.threshold = RANSAC_CONFIDENCE, iterations, tolerance
    parameters.sampler, parameters.score = cv2.SAMPLING_UNIFORM, cv2.SCORE_METHOD_MSAC
    # `refine_pose` makes it better
    parameters.loMethod = cv2.LOCAL_OPTIM_NULL
    parameters.randomGeneratorState, parameters.isParallel = 0, False
    return parameters


def refine_pose(
    points: np.ndarray,
    rays: np.ndarray,
    T_parent_camera: np.ndarray,
    tolerance: float,
    spreads: np.ndarray | None = None,
) -> PerspectivePose | None:
    """The pose nearby that fits best, points further off than about a tolerance on z = 1 counting less and less.

    Gauss-Newton on Geman & McClure's robust error. The tolerance is the given one first, then as narrow as the errors
    of most points allow: a few wrong matches that are off by little bend a pose more than all right ones hold it. The
    covariance is that of all inliers but the one with the most influence, which may be wrong. None when too few points
    fit or these do not fix the pose.

    spreads (n, 3, 3): covariances of the points, in variances of a coordinate of a ray on z = 1; without, points are
    exact. Errors count in units of what a ray and its point err together.
    """
    whitening = None if spreads is None else whitening_of(points, spreads, T_parent_camera)
    narrowed = _narrowed(points, rays, T_parent_camera, tolerance, whitening)
    return None if narrowed is None else _with_covariance(points, rays, *narrowed, whitening)


def nearest_minimum(
    points: np.ndarray, rays: np.ndarray, T_parent_camera: np.ndarray, tolerance: float
) -> np.ndarray | None:
    """T_parent_camera (4, 4) as `refine_pose` has it of exact points, without what that asks of a pose."""
    narrowed = _narrowed(points, rays, T_parent_camera, tolerance, None)
    return None if narrowed is None else narrowed[0]


def approach_pose(points: np.ndarray, rays: np.ndarray, T_parent_camera: np.ndarray, tolerance: float) -> np.ndarray:
    """T_parent_camera to refine from, where a pose is so far off that most errors are many tolerances.

    The robust error is made wide enough for most points first, and then narrower by halves (graduated non-convexity,
    Blake & Zisserman 1987): from afar the nearest minimum of the narrow one is often where only some points agree. Most
    points must be right. The given pose where they do not fix one.
    """
    for _ in range(APPROACHES):
        reach = MEDIANS * _median(reprojection_errors(points, rays, T_parent_camera)) if len(points) else 0.0
        if not tolerance < reach < np.inf:
            break
        moved = _descend(points, rays, T_parent_camera, reach)
        if moved is None:
            break
        T_parent_camera = moved
    return T_parent_camera


class CameraPart(enum.IntEnum):
    """What `camera_changes` looks at.

    FOCAL_LENGTH: by what share it is longer. ASPECT_RATIO: by what share things are wider, and as much lower. CENTRE_X,
    CENTRE_Y: of the principal point, in focal lengths. DISTORTION: the first radial coefficient.
    """

    FOCAL_LENGTH = 0
    ASPECT_RATIO = 1
    CENTRE_X = 2
    CENTRE_Y = 3
    DISTORTION = 4


def camera_changes(
    points: np.ndarray,
    rays: np.ndarray,
    T_parent_camera: np.ndarray,
    tolerance: float,
    spreads: np.ndarray | None = None,
    least_noise: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """By how much each CameraPart (5,) differs from what the rays (n, 2) were made with, and its standard deviation.

    Of each by itself, fitted together with the pose in one step from a given one on, which must be the best by
    `refine_pose`, whose arguments these are. One step of a robust fit tells less than all of a large change. What the
    points do not tell apart from the pose, such as the focal length where they lie in a plane across the view, has a
    large deviation, an infinite one where they do not fix it at all. least_noise: of a coordinate on z = 1, which is
    reckoned with where points seem to agree more closely.
    """
    whitening = None if spreads is None else whitening_of(points, spreads, T_parent_camera)
    jacobians, errors, in_front = _linearised(points, rays, T_parent_camera, whitening)
    jacobians = np.concatenate([jacobians, _by_camera(project(points, T_parent_camera)[0], whitening)])
    weights = in_front / np.square(1.0 + _squares(errors) / tolerance**2)
    weighted, columns = (jacobians * weights).reshape(len(jacobians), -1), jacobians.reshape(len(jacobians), -1)
    normal, pull = weighted @ columns.T, weighted @ errors.ravel()
    of_pose, across = normal[:6, :6], normal[:6, 6:]
    unknown = np.zeros(len(CameraPart)), np.full(len(CameraPart), np.inf)
    if not np.isfinite(normal).all() or not _is_fixed(of_pose):
        return unknown
    # what the pose does not make up for, of each part and of the errors
    made_up = np.linalg.solve(of_pose, np.column_stack([across, pull[:6]]))
    told = np.diag(normal)[6:] - np.sum(across * made_up[:, :-1], axis=0)
    pull_left = pull[6:] - across.T @ made_up[:, -1]
    is_told = told > np.diag(normal)[6:] / WORST_CONDITION
    changes = np.divide(pull_left, told, out=unknown[0], where=is_told)
    squares = float(np.sum(weights * errors**2)) - changes * pull_left
    noise2 = np.maximum(squares / max(2 * float(np.sum(weights)) - 7, 1.0), least_noise**2)
    return changes, np.sqrt(np.divide(noise2, told, out=unknown[1], where=is_told))


def reprojection_errors(points: np.ndarray, rays: np.ndarray, T_parent_camera: np.ndarray) -> np.ndarray:
    """Distances (n,) on z = 1 between points (n, 3) and rays (n, 2); infinite where a point is not in front."""
    projected, depth = project(points, T_parent_camera)
    return np.where(depth > LEAST_DEPTH, np.sqrt(_squares((rays - projected).T)), np.inf)


def truncated_error(points: np.ndarray, rays: np.ndarray, T_parent_camera: np.ndarray, tolerance: float) -> float:
    """Sum of squared errors on z = 1, none counting more than the tolerance squared: less is better."""
    return float(np.sum(np.minimum(reprojection_errors(points, rays, T_parent_camera), tolerance) ** 2))


def project(points: np.ndarray, T_parent_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points (n, 3) appear on z = 1 (n, 2), and their depth (n,); no sense where the depth is not positive."""
    local = (points - T_parent_camera[:3, 3]) @ T_parent_camera[:3, :3]
    depth = local[:, 2]
    return local[:, :2] / np.where(np.abs(depth) < 1e-6, 1e-6, depth)[:, None], depth


def whitening_of(points: np.ndarray, spreads: np.ndarray, T_parent_camera: np.ndarray) -> np.ndarray:
    """(n, 2, 2) that make what points of these covariances and rays of unit variance err together of unit variance."""
    R_camera_parent = T_parent_camera[:3, :3].T
    projected, depth = project(points, T_parent_camera)
    # by a movement of the point, along the parent frame's axes
    jacobians = R_camera_parent[None, :2] - projected[:, :, None] * R_camera_parent[None, 2:]
    jacobians /= np.maximum(depth, LEAST_DEPTH)[:, None, None]
    together = np.eye(2) + jacobians @ spreads @ jacobians.transpose(0, 2, 1)
    whitening: np.ndarray = np.linalg.inv(np.linalg.cholesky(together))
    return whitening


def _sizes(
    points: np.ndarray, rays: np.ndarray, T_parent_camera: np.ndarray, whitening: np.ndarray | None
) -> np.ndarray:
    """As `reprojection_errors`, of errors made white."""
    if whitening is None:
        return reprojection_errors(points, rays, T_parent_camera)
    _, errors, in_front = _linearised(points, rays, T_parent_camera, whitening)
    return np.where(in_front, np.sqrt(_squares(errors)), np.inf)


def _narrowed(
    points: np.ndarray, rays: np.ndarray, T_parent_camera: np.ndarray, tolerance: float, whitening: np.ndarray | None
) -> tuple[np.ndarray, float] | None:
    """T_parent_camera at the minimum nearby, and how narrow the tolerance became; None where too few points fit."""
    medians = MEDIANS if whitening is None else MEDIANS_OF_WHITE
    narrow = tolerance
    pose = _descend(points, rays, T_parent_camera, tolerance, whitening)
    for _ in range(NARROWINGS):
        if pose is None:
            return None
        sizes = _sizes(points, rays, pose, whitening)
        fitting = sizes[sizes < tolerance]
        if len(fitting) < LEAST_POINTS:
            return None
        narrow = min(max(medians * _median(fitting), LEAST_SHARE * tolerance), tolerance)
        pose = _descend(points, rays, pose, narrow, whitening)
    return None if pose is None else (pose, narrow)


def _descend(
    points: np.ndarray,
    rays: np.ndarray,
    T_parent_camera: np.ndarray,
    tolerance: float,
    whitening: np.ndarray | None = None,
) -> np.ndarray | None:
    """T_parent_camera at the minimum nearby of the robust error; None where the points do not fix it."""
    for _ in range(ITERATIONS):
        jacobians, errors, in_front = _linearised(points, rays, T_parent_camera, whitening)
        squares = _squares(errors)
        weights = in_front / np.square(1.0 + squares / tolerance**2)
        weighted, columns = (jacobians * weights).reshape(6, -1), jacobians.reshape(6, -1)
        pull = weighted @ errors.ravel()
        # as np.linalg.solve, in a quarter of the time of six equations
        *_, step, failed = dgesv(weighted @ columns.T, pull)
        if failed or not np.isfinite(step).all():
            return None
        T_parent_camera = moved(T_parent_camera, step)
        # the step's square in units of its covariance, the normal equations' inverse times a coordinate's variance
        if step @ pull * 2 * weights.sum() <= LEAST_STEP**2 * (weights @ squares):
            break
    return T_parent_camera


def _with_covariance(
    points: np.ndarray,
    rays: np.ndarray,
    T_parent_camera: np.ndarray,
    tolerance: float,
    whitening: np.ndarray | None = None,
) -> PerspectivePose | None:
    jacobians, errors, in_front = _linearised(points, rays, T_parent_camera, whitening)
    sizes = np.sqrt(_squares(errors))
    inliers = np.flatnonzero(in_front & (sizes < tolerance))
    if len(inliers) < LEAST_POINTS:
        return None
    noise = _noise(sizes[inliers])
    by_point = jacobians[:, :, inliers].transpose(2, 1, 0)  # (m, 2, 6)
    rows = by_point.reshape(-1, 6)
    normal = rows.T @ rows
    if not _is_fixed(normal):
        return None
    # the part (m, 2, 2) that each point has in what it is predicted to be: of the greatest the pose hangs on that point
    leverages = by_point @ np.linalg.inv(normal) @ by_point.transpose(0, 2, 1)
    most = by_point[_greatest_eigenvalues(leverages).argmax()]
    normal = normal - most.T @ most
    if not _is_fixed(normal):
        return None
    turned = np.zeros((6, 6))
    turned[:3, :3] = turned[3:, 3:] = T_parent_camera[:3, :3]
    covariance = noise**2 * turned @ np.linalg.inv(normal) @ turned.T
    if whitening is not None:
        noise = _noise(reprojection_errors(points[inliers], rays[inliers], T_parent_camera))
    return PerspectivePose(T_parent_camera, covariance, inliers, noise)


def _median(values: np.ndarray) -> float:
    """Of values (n,), one at least; NumPy's takes four times as long of a hundred."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def _is_fixed(normal: np.ndarray) -> bool:
    """Whether normal equations (n, n) fix what they are of."""
    least, *_, greatest = np.linalg.eigvalsh(normal)
    return bool(least * WORST_CONDITION > greatest)


def _greatest_eigenvalues(symmetric: np.ndarray) -> np.ndarray:
    """Of matrices (m, 2, 2), in a tenth of the time of NumPy's eigvalsh."""
    half_trace = (symmetric[:, 0, 0] + symmetric[:, 1, 1]) / 2
    half_difference = (symmetric[:, 0, 0] - symmetric[:, 1, 1]) / 2
    greatest: np.ndarray = half_trace + np.hypot(half_difference, symmetric[:, 0, 1])
    return greatest


def _noise(sizes: np.ndarray) -> float:
    """Standard deviation of a coordinate of errors of such sizes (n,), after six numbers were fitted to them."""
    return float(np.sqrt(np.sum(sizes**2) / (2 * len(sizes) - 6)))


def _linearised(
    points: np.ndarray, rays: np.ndarray, T_parent_camera: np.ndarray, whitening: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Jacobians (6, 2, n) by movement and turn of the camera along and about its own axes, errors (2, n), and which
    points (n,) lie in front; Jacobians and errors made white.
    """
    local = T_parent_camera[:3, :3].T @ (points - T_parent_camera[:3, 3]).T
    in_front = local[2] > LEAST_DEPTH
    all_in_front = bool(in_front.all())
    nearness = 1.0 / (local[2] if all_in_front else np.where(in_front, local[2], 1.0))
    projected = u, v = local[:2] * nearness
    jacobians = np.zeros((6, 2, len(points)))
    jacobians[0, 0] = jacobians[1, 1] = -nearness
    jacobians[2] = projected * nearness
    jacobians[3, 0] = u * v
    jacobians[3, 1] = 1.0 + v * v
    jacobians[4, 0] = -1.0 - u * u
    jacobians[4, 1] = -jacobians[3, 0]
    jacobians[5] = v, -u
    errors = rays.T - projected
    if not all_in_front:
        errors = np.where(in_front, errors, 0.0)
    if whitening is None:
        return jacobians, errors, in_front
    return np.einsum("nij,kjn->kin", whitening, jacobians), np.einsum("nij,jn->in", whitening, errors), in_front


def _squares(errors: np.ndarray) -> np.ndarray:
    """Squared lengths (n,) of errors (2, n); of so short rows NumPy's sums and norms take three times as long."""
    squares: np.ndarray = errors[0] * errors[0] + errors[1] * errors[1]
    return squares


def _by_camera(projected: np.ndarray, whitening: np.ndarray | None) -> np.ndarray:
    """Jacobians (5, 2, n) by each CameraPart of where points appear, which is at `projected` (n, 2); made white."""
    u, v = projected.T
    zero, one, square = np.zeros_like(u), np.ones_like(u), u * u + v * v
    jacobians = np.array([(u, v), (u, -v), (one, zero), (zero, one), (square * u, square * v)])
    if whitening is None:
        return jacobians
    whitened: np.ndarray = np.einsum("nij,kjn->kin", whitening, jacobians)
    return whitened


def moved(T_parent_camera: np.ndarray, step: np.ndarray) -> np.ndarray:
    """After a movement and a turn (6,) along and about the camera's own axes."""
    moved = T_parent_camera.copy()
    moved[:3, 3] += T_parent_camera[:3, :3] @ step[:3]
    moved[:3, :3] = T_parent_camera[:3, :3] @ cv2.Rodrigues(step[3:])[0]
    return moved

# SPDX-License-Identifier: BSD-3-Clause
"""Recorded poses against the motion that images show: their delay.

What is compared are motions between two moments, because they do not depend on where the world is. First rotations,
which need no start value; then, for the delay, the epipolar lines of tracked points, because the rotations that images
alone give lean on the translation (measured on simulated flights: delays 25 ms off, against 4 ms).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation, Slerp

from camera_relocalization_ros.core.errors import SyncError
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.vision.visual_rotation import RotationPairs

# the search runs over a grid, and then up to a margin beyond its ends
GRID_STEP_S, MARGIN_S = 0.02, 0.05
# residuals above this count no more: points on moving things, or a tracker that lost its way
OUTLIER_RAD = np.radians(1.5)
MIN_PAIRS = 20
# pairs whose camera moved less have no epipolar lines to speak of; residuals far above the scale hardly count (Cauchy)
MIN_TRANSLATION_M, EPIPOLAR_SCALE = 0.03, 1e-3
# what does not shrink with the number of pairs: the spread of the errors on six simulated flights was 2 ms
SYSTEMATIC_SIGMA_S = 0.002
# a delay known worse than this is not worth correcting, and one that explains less than this is no explanation
MAX_SIGMA_S = 0.03
MIN_EXPLAINED = 0.5
BOOTSTRAPS, BLOCK_PAIRS = 200, 8


@dataclass(frozen=True)
class DelayEstimate:
    """How much later images are stamped than poses of the same moment.

    sigma_s is its standard error; R_camera_child (3, 3) how the frame of the poses is turned in the camera (identity
    for an optical frame); residual_rad the median disagreement of the turns that remains. `doubt` is "" when the
    estimate is to be trusted. `delays_s` and `costs`, both (D,), are what was searched: mean squared disagreement in
    rad^2.
    """

    delay_s: float
    sigma_s: float
    R_camera_child: np.ndarray
    residual_rad: float
    delays_s: np.ndarray
    costs: np.ndarray
    pair_count: int
    doubt: str


class _MovingStream:
    """The motions that a trajectory predicts between pairs of images."""

    def __init__(self, trajectory: Trajectory) -> None:
        self._origin_ns = int(trajectory.stamps_ns[0])
        self._t_s = self._seconds(trajectory.stamps_ns)
        self._positions = trajectory.positions
        self._slerp = Slerp(self._t_s, Rotation.from_quat(trajectory.quats_xyzw))

    def _seconds(self, stamps_ns: np.ndarray) -> np.ndarray:
        return (np.asarray(stamps_ns) - self._origin_ns) * 1e-9

    def rotvecs(self, pairs: RotationPairs, delay_s: float) -> np.ndarray:
        """Rotation vectors (P, 3) of the child at the second stamp in the child at the first, both delay_s earlier."""
        first = self._slerp(self._seconds(pairs.first_ns) - delay_s)
        second = self._slerp(self._seconds(pairs.second_ns) - delay_s)
        return (first.inv() * second).as_rotvec()

    def motions(self, pairs: RotationPairs, delay_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Rotations (P, 3, 3) and positions (P, 3) of the child at the first stamp in the child at the second."""
        first_s, second_s = (self._seconds(stamps_ns) - delay_s for stamps_ns in (pairs.first_ns, pairs.second_ns))
        turn = self._slerp(second_s).inv()
        return (turn * self._slerp(first_s)).as_matrix(), turn.apply(self._at(first_s) - self._at(second_s))

    def _at(self, t_s: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(t_s, self._t_s, self._positions[:, axis]) for axis in range(3)], axis=1)


def estimate_delay(
    pairs: RotationPairs, trajectory: Trajectory, search_s: tuple[float, float] = (-0.6, 1.0), max_gap_s: float = 0.1
) -> DelayEstimate:
    """The delay within search_s at which the poses turn as the images do.

    The child of the poses may be any frame that is fixed to the camera. Raises SyncError when too few pairs lie within
    the poses whatever the delay.
    """
    pairs = pairs.select(_is_covered(pairs, trajectory.stamps_ns, search_s, max_gap_s))
    if len(pairs) < MIN_PAIRS:
        raise SyncError(
            f"{len(pairs)} pairs of images show enough of the same things and have poses without a gap "
            f"{search_s[0]} to {search_s[1]} s around them; expected at least {MIN_PAIRS}: record poses and images for "
            "longer, where the camera sees things with contrast, or search a shorter time (--search FROM TO)"
        )
    stream = _MovingStream(trajectory)
    delays_s = np.arange(search_s[0], search_s[1] + GRID_STEP_S / 2, GRID_STEP_S)
    costs = np.array([_cost(stream, pairs, delay_s) for delay_s in delays_s])
    best = int(np.argmin(costs))
    R = _turn_between(pairs.rotvecs, stream.rotvecs(pairs, delays_s[best]))
    delay_s, R, sigma_s = _refine(stream, pairs, float(delays_s[best]), R, search_s)
    residuals = np.linalg.norm(pairs.rotvecs - R.apply(stream.rotvecs(pairs, delay_s)), axis=1)
    explained = 1.0 - costs[best] / np.median(costs)
    doubt = _doubt(sigma_s, explained, best in (0, len(delays_s) - 1), search_s)
    residual_rad = float(np.median(residuals))
    return DelayEstimate(delay_s, sigma_s, R.as_matrix(), residual_rad, delays_s, costs, len(pairs), doubt)


def _refine(
    stream: _MovingStream,
    pairs: RotationPairs,
    delay_s: float,
    R_camera_child: Rotation,
    search_s: tuple[float, float],
) -> tuple[float, Rotation, float]:
    """Delay, rotation and the delay's standard error at which tracked points lie on their epipolar lines best.

    Where the camera hardly moved, rotations decide instead.
    """
    moved = np.linalg.norm(stream.motions(pairs, delay_s)[1], axis=1) > MIN_TRANSLATION_M
    if moved.sum() >= MIN_PAIRS:
        pairs = pairs.select(moved)

        def errors(x: np.ndarray) -> np.ndarray:
            return _epipolar_errors(stream, pairs, delay_s + x[0], Rotation.from_rotvec(x[1:]) * R_camera_child)

        scale = EPIPOLAR_SCALE
    else:

        def errors(x: np.ndarray) -> np.ndarray:
            turn = Rotation.from_rotvec(x[1:]) * R_camera_child
            return pairs.rotvecs - turn.apply(stream.rotvecs(pairs, delay_s + x[0]))

        scale = OUTLIER_RAD / 3
    # the search must not leave the poses; turns alone may be off by several steps of the grid
    reach_s, turn_rad = MARGIN_S - 0.005, np.full(3, 0.2)
    lowest, highest = (
        np.append(end_s - delay_s, sign * turn_rad)
        for end_s, sign in ((search_s[0] - reach_s, -1.0), (search_s[1] + reach_s, 1.0))
    )
    fit = least_squares(
        lambda x: errors(x).ravel(), np.zeros(4), bounds=(lowest, highest), loss="cauchy", f_scale=scale
    )
    sigma_s = float(np.hypot(_bootstrap_sigma(errors, fit.x, scale), SYSTEMATIC_SIGMA_S))
    return delay_s + float(fit.x[0]), Rotation.from_rotvec(fit.x[1:]) * R_camera_child, sigma_s


def _epipolar_errors(
    stream: _MovingStream, pairs: RotationPairs, delay_s: float, R_camera_child: Rotation
) -> np.ndarray:
    """Sampson errors (P, RAYS) of the pairs' rays, about radians (Hartley & Zisserman 2004, eq. 11.9)."""
    R_child, t_child = stream.motions(pairs, delay_s)
    R = R_camera_child.as_matrix() @ R_child @ R_camera_child.as_matrix().T
    t = R_camera_child.apply(t_child)
    t = t / np.maximum(np.linalg.norm(t, axis=1, keepdims=True), 1e-9)
    E = np.cross(np.eye(3)[None], t[:, None, :]) @ R  # rows e_i x t make the matrix of t x
    ones = np.ones(pairs.first_rays.shape[:2] + (1,))
    first, second = np.concatenate([pairs.first_rays, ones], 2), np.concatenate([pairs.second_rays, ones], 2)
    lines_second, lines_first = first @ np.swapaxes(E, 1, 2), second @ E
    scale = np.sum(lines_second[..., :2] ** 2, axis=2) + np.sum(lines_first[..., :2] ** 2, axis=2)
    return np.sum(second * lines_second, axis=2) / np.sqrt(np.maximum(scale, 1e-12))


def _doubt(sigma_s: float, explained: float, is_at_end: bool, search_s: tuple[float, float]) -> str:
    if is_at_end:
        return f"the best delay lies at the end of what was searched, {search_s[0]} to {search_s[1]} s"
    if sigma_s > MAX_SIGMA_S or explained < MIN_EXPLAINED:
        return (
            f"the camera turned too little, or the poses are not the camera's: known to {1e3 * sigma_s:.0f} ms, "
            f"the delay explains {100 * max(explained, 0.0):.0f} % of the disagreement"
        )
    return ""


def _is_covered(
    pairs: RotationPairs, stamps_ns: np.ndarray, search_s: tuple[float, float], max_gap_s: float
) -> np.ndarray:
    """Mask (P,) of the pairs around which there are poses without a gap, whatever the delay."""
    start_ns = pairs.first_ns - round((search_s[1] + MARGIN_S) * 1e9)
    end_ns = pairs.second_ns - round((search_s[0] - MARGIN_S) * 1e9)
    gaps_before = np.concatenate([[0], np.cumsum(np.diff(stamps_ns) > max_gap_s * 1e9)])
    before, after = np.searchsorted(stamps_ns, start_ns, "right") - 1, np.searchsorted(stamps_ns, end_ns)
    inside = (before >= 0) & (after < len(stamps_ns))
    last = len(stamps_ns) - 1
    return inside & (gaps_before[np.clip(after, 0, last)] == gaps_before[np.clip(before, 0, last)])


def _cost(stream: _MovingStream, pairs: RotationPairs, delay_s: float) -> float:
    predicted = stream.rotvecs(pairs, delay_s)
    return float(np.mean(_squared_errors(pairs.rotvecs, _turn_between(pairs.rotvecs, predicted).apply(predicted))))


def _turn_between(seen: np.ndarray, predicted: np.ndarray) -> Rotation:
    """The rotation that brings predicted vectors (P, 3) onto seen ones: Wahba's problem, once more without outliers."""
    rotation, _ = Rotation.align_vectors(seen, predicted)
    weights = (_squared_errors(seen, rotation.apply(predicted)) < OUTLIER_RAD**2).astype(float)
    return Rotation.align_vectors(seen, predicted, weights=weights)[0] if weights.sum() >= MIN_PAIRS else rotation


def _squared_errors(seen: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Squared disagreement (P,) in rad^2, outliers clipped."""
    return np.minimum(np.sum((seen - predicted) ** 2, axis=1), OUTLIER_RAD**2)


def _bootstrap_sigma(errors: Callable[[np.ndarray], np.ndarray], x: np.ndarray, scale: float) -> float:
    """Standard error of the first parameter at the optimum x, from blocks of neighbouring pairs drawn with replacement.

    Pairs overlap in time, so single ones are not independent. Each draw takes one Gauss-Newton step from the optimum.
    """
    step = np.array([1e-3, 1e-4, 1e-4, 1e-4])
    residuals = errors(x)
    slopes = np.stack([(errors(x + h) - errors(x - h)) / (2 * h[k]) for k, h in enumerate(np.diag(step))], axis=-1)
    weights = 1.0 / (1.0 + (residuals / scale) ** 2)  # of the Cauchy loss
    H_pairs = np.einsum("pn,pni,pnj->pij", weights, slopes, slopes)
    g_pairs = np.einsum("pn,pni,pn->pi", weights, slopes, residuals)
    blocks = np.array_split(np.arange(len(residuals)), max(len(residuals) // BLOCK_PAIRS, 2))
    H, g = (np.stack([values[block].sum(axis=0) for block in blocks]) for values in (H_pairs, g_pairs))
    draws = np.random.default_rng(0).integers(0, len(blocks), (BOOTSTRAPS, len(blocks)))
    steps = [np.linalg.lstsq(H[draw].sum(axis=0), -g[draw].sum(axis=0), rcond=None)[0] for draw in draws]
    return float(np.std([step[0] for step in steps]))

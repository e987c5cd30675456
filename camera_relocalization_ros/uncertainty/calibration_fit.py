# SPDX-License-Identifier: BSD-3-Clause
"""Fits covariance and score of regressed poses to estimates whose truth is known, block by left-out block.

What is fitted, and how it is used in flight, is `bundle.error_calibration.ErrorCalibration`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import (
    LEVELS,
    NOT_MEASURED,
    SCALE_INDICATORS,
    SCORE_LEVELS,
    ErrorCalibration,
    IndicatorRange,
    nonconformity,
)
from camera_relocalization_ros.bundle.indicators import INDICATORS
from camera_relocalization_ros.bundle.training_set import TrainingSet
from camera_relocalization_ros.core.chi_square import chi_square_quantile, squared_distance
from camera_relocalization_ros.core.pose import Poses, pose_residual

# the level at which the ellipsoids are made to hold what they say
FITTED_LEVEL = 0.9
# of the weights, per frame: indicators are alike, and so their weights would be arbitrary
RIDGE = 0.01
SMALLEST_SD, SMALLEST_ERROR, SMALLEST_TAIL = 0.02, 1e-6, 1e-3
# good images that a threshold may reject: at most, at least, and of LOST
MOST_REJECTED, LEAST_REJECTED, LOST_SHARE = 0.05, 0.02, 0.005
SHAPE_STEPS = 100


@dataclass(frozen=True)
class CalibrationSamples:
    """Estimates whose truth is known: logarithms of indicators (n, s), errors (n, 6), and the block (n,) of each.

    Errors are of position in metres, then rotation vectors in radians, both in axes of the (estimated) camera.
    """

    log_indicators: np.ndarray
    errors: np.ndarray
    blocks: np.ndarray

    def __len__(self) -> int:
        return len(self.errors)

    def select(self, rows: np.ndarray) -> CalibrationSamples:
        """Some of them, by boolean or number."""
        return CalibrationSamples(self.log_indicators[rows], self.errors[rows], self.blocks[rows])


def camera_errors(estimates: Poses, truth: Poses) -> np.ndarray:
    """Errors (n, 6) of poses in axes of the estimated camera: metres, then the rotation from truth to estimate."""
    to_camera, errors_n6 = estimates.rotations.inv(), pose_residual(estimates, truth)
    return np.hstack([to_camera.apply(errors_n6[:, :3]), to_camera.apply(errors_n6[:, 3:])])


@dataclass(frozen=True)
class Fit:
    """A calibration, and what it said of each sample when it had not seen the sample's block.

    `scores` (n,), and `inside` (n, 2, levels): whether the truth was in the ellipsoid of position and of orientation.
    """

    calibration: ErrorCalibration
    scores: np.ndarray
    inside: np.ndarray


def fit(samples: CalibrationSamples, data: tuple[TrainingSet, ...] = ()) -> Fit:
    """Fit covariance and score; thresholds are those of in-distribution images alone (see `with_thresholds`)."""
    blocks = np.unique(samples.blocks)
    squares, scores = np.full((len(samples), 2), np.nan), np.full(len(samples), np.nan)
    for block in blocks:
        held = samples.blocks == block
        of_others = _fit(samples.select(~held), data)
        squares[held] = squared_distances(of_others, samples.select(held))
        scores[held] = of_others.scores(samples.log_indicators[held])
    inside = np.zeros((len(samples), 2, len(LEVELS)), dtype=bool)
    for block in blocks:
        held = samples.blocks == block
        inside[held] = is_inside(squares[held] / _conformal_factors(squares[~held]))
    by_kind = zip(("position", "orientation"), inside.mean(axis=0))
    coverage = {kind: {f"{level:g}": float(v) for level, v in zip(LEVELS, values)} for kind, values in by_kind}
    calibration = _fit(samples, data)
    roots = np.repeat(np.sqrt(_conformal_factors(squares)), 3)
    shape = np.array(calibration.shape) * np.outer(roots, roots)
    return Fit(replace(calibration, shape=_rows(shape), coverage=coverage), scores, inside)


def squared_distances(calibration: ErrorCalibration, samples: CalibrationSamples) -> np.ndarray:
    """Squared Mahalanobis distances (n, 2) of the errors in position and in orientation."""
    scales = calibration.error_scales(samples.log_indicators)
    shape = np.array(calibration.shape)
    squares = []
    for column, part in enumerate((slice(0, 3), slice(3, 6))):
        unit = samples.errors[:, part] / scales[:, column : column + 1]
        squares.append(squared_distance(unit, shape[part, part]))
    return np.stack(squares, axis=1)


def is_inside(squares: np.ndarray) -> np.ndarray:
    """Whether squared distances (n, 2) are within the ellipsoids of LEVELS, as booleans (n, 2, levels)."""
    return squares[..., None] <= chi_square_quantile(LEVELS, 3)


def with_thresholds(
    calibration: ErrorCalibration, out_of_distribution_scores: Sequence[float], wanted: float
) -> ErrorCalibration:
    """The calibration with thresholds that let pass the `wanted` share of out-of-distribution images, where possible.

    DEGRADED begins where the wanted share scores higher, but rejects between LEAST_REJECTED and MOST_REJECTED of the
    in-distribution images.
    """
    scores = np.asarray(out_of_distribution_scores)
    # just above the score that is to be rejected as the last
    needed = np.nextafter(np.quantile(scores, 1.0 - wanted, method="higher"), 1.0) if len(scores) else 0.0
    degraded = float(np.clip(needed, LEAST_REJECTED, MOST_REJECTED))
    passed = float((scores >= degraded).mean()) if len(scores) else 0.0
    return replace(
        calibration,
        degraded_below=degraded,
        lost_below=LOST_SHARE,
        out_of_distribution_count=len(scores),
        wanted_false_accept=wanted,
        false_accept=passed,
    )


def _fit(samples: CalibrationSamples, data: tuple[TrainingSet, ...]) -> ErrorCalibration:
    indicators = {name: _indicator_range(column) for name, column in zip(INDICATORS, samples.log_indicators.T)}
    nothing = (0.0,) * (1 + len(SCALE_INDICATORS))
    blank = ErrorCalibration(
        frames=len(samples),
        data=data,
        indicators=indicators,
        position_scale=nothing,
        orientation_scale=nothing,
        shape=_rows(np.eye(6)),
        nonconformity_quantiles=(0.0,) * len(SCORE_LEVELS),
        nonconformity_tail=1.0,
        degraded_below=LEAST_REJECTED,
        lost_below=LOST_SHARE,
        out_of_distribution_count=0,
        wanted_false_accept=0.0,
        false_accept=0.0,
        coverage=NOT_MEASURED,
    )
    return _with_shape(_with_scales(_with_nonconformity(blank, samples), samples), samples)


def _indicator_range(logs: np.ndarray) -> IndicatorRange:
    low, high = np.percentile(logs, [0.5, 99.5])
    return IndicatorRange(float(logs.mean()), max(float(logs.std()), SMALLEST_SD), float(low), float(high))


def _with_nonconformity(calibration: ErrorCalibration, samples: CalibrationSamples) -> ErrorCalibration:
    values = nonconformity(calibration.units(samples.log_indicators))
    known = np.quantile(values, 1.0 - SCORE_LEVELS)
    beyond = values[values > known[-1]] - known[-1]
    tail = max(float(beyond.mean()), SMALLEST_TAIL) if len(beyond) else SMALLEST_TAIL
    return replace(calibration, nonconformity_quantiles=tuple(known.tolist()), nonconformity_tail=tail)


def _with_scales(calibration: ErrorCalibration, samples: CalibrationSamples) -> ErrorCalibration:
    """Least squares on the logarithm of the error, which a few huge errors do not bend."""
    units = calibration.scale_units(samples.log_indicators)
    inputs = np.hstack([np.ones((len(units), 1)), units])
    penalty = RIDGE * len(units) * np.diag([0.0] + [1.0] * units.shape[1])
    lengths = [np.linalg.norm(samples.errors[:, part], axis=1) for part in (slice(0, 3), slice(3, 6))]
    logs = np.log(np.maximum(lengths, SMALLEST_ERROR)).T
    weights = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ logs).T
    position_scale, orientation_scale = (tuple(row) for row in weights.tolist())
    return replace(calibration, position_scale=position_scale, orientation_scale=orientation_scale)


def _with_shape(calibration: ErrorCalibration, samples: CalibrationSamples) -> ErrorCalibration:
    scales = np.repeat(calibration.error_scales(samples.log_indicators), 3, axis=1)
    return replace(calibration, shape=_rows(tyler_shape(samples.errors / scales)))


def _conformal_factors(squares: np.ndarray) -> np.ndarray:
    """By how much (2,) ellipsoids must grow to hold FITTED_LEVEL of squared distances (n, 2)."""
    # one more sample than there are: Vovk et al. 2005, "Algorithmic Learning in a Random World"
    level = min(FITTED_LEVEL * (len(squares) + 1) / len(squares), 1.0)
    return np.maximum(np.quantile(squares, level, axis=0) / chi_square_quantile(FITTED_LEVEL, 3), 1e-9)


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, matrix.tolist()))


def tyler_shape(vectors: np.ndarray) -> np.ndarray:
    """Scatter matrix (d, d) of vectors (n, d), of trace d, that asks only for their directions.

    Tyler 1987, "A distribution-free M-estimator of multivariate scatter": gross errors weigh no more than small ones.
    """
    count, size = vectors.shape
    # a direction in which nothing ever erred would have no inverse
    matrix, least = np.eye(size), 1e-6 * np.eye(size)
    for _ in range(SHAPE_STEPS):
        squares = np.einsum("ni,ij,nj->n", vectors, np.linalg.inv(matrix), vectors)
        weighted = vectors / np.sqrt(np.maximum(squares, 1e-12))[:, None]
        matrix = weighted.T @ weighted * (size / count)
        matrix = matrix * (size / np.trace(matrix)) + least
    return (matrix + matrix.T) / 2

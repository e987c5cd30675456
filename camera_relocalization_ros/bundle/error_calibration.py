# SPDX-License-Identifier: BSD-3-Clause
"""How a bundle makes covariance and score: reliability indicators of an estimate in, covariance and score out.

This is all of the uncertainty that flies; `uncertainty/` fits it offline, and nothing else takes part. A pose by
landmarks has the covariance of its normal equations, calibrated by `landmark_covariance`. The score is a conformal
p-value (Vovk et al. 2005): the share of in-distribution images, those of the scene, whose nonconformity score is at
least as high. The model and the rule that makes a state of a score are written down in docs/uncertainty.md. In
bundle.yaml some fields have older names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Tuple

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.indicators import INDICATORS, log_indicators
from camera_relocalization_ros.bundle.stage_calibration import STAGES, StageCalibration
from camera_relocalization_ros.bundle.training_set import TrainingSet
from camera_relocalization_ros.core.plain_values import KEY

# which indicators give the size of the error, and which that the image is none of the scene
SCALE_INDICATORS = ("spread_position_m", "spread_orientation_rad", "training_distance_m")
SCORE_INDICATORS = ("descriptor_distance", "descriptor_residual", "spread_position_m", "spread_orientation_rad")
_SCALE_COLUMNS, _SCORE_COLUMNS = (
    [INDICATORS.index(name) for name in names] for names in (SCALE_INDICATORS, SCORE_INDICATORS)
)
# nonconformity scores are kept at these shares of in-distribution images that have at least as high ones
SCORE_LEVELS = np.linspace(1.0, 0.05, 20)
SMALLEST_SCORE = 1e-12
LEVELS = (0.5, 0.9, 0.95)
# the coverage of a calibration that was tried on nothing yet
NOT_MEASURED = {kind: {f"{level:g}": 0.0 for level in LEVELS} for kind in ("position", "orientation")}
# indicators and errors in natural logarithms, and the weights between them
MAX_LOG, MAX_WEIGHT, MAX_SHAPE, MAX_NONCONFORMITY, MAX_FRAMES = 20.0, 5.0, 1e6, 1e6, 10**9
MAX_EVIDENCE = 1e9


@dataclass(frozen=True)
class IndicatorRange:
    """Of the logarithm of an indicator over in-distribution images: mean, deviation, least and largest."""

    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class ErrorCalibration:
    """Fitted to `frames` images of `data`, with full windows, that the bundle was not trained on.

    `indicators` by the names of INDICATORS. `position_scale`, `orientation_scale`: constant and a weight per indicator
    of SCALE_INDICATORS, for the logarithm of an error in metres and radians. `shape` (6, 6): covariance of errors
    divided by their scale, position then rotation, in axes of the camera, so large that the 90 % ellipsoids hold 90 %.
    `nonconformity_quantiles`: scores of the in-distribution images at SCORE_LEVELS, and beyond the last one the mean
    excess, `nonconformity_tail`.

    A score below `lost_below` is LOST, below `degraded_below` DEGRADED. `wanted_false_accept` of
    `out_of_distribution_count` images of other things were to score higher, `false_accept` do. `coverage` by kind and
    level is that of left-out blocks. `stages`: what is known of the largest errors, by names of STAGES; none of those
    that were not measured. `least_evidence`: orders of magnitude against chance that a pose by landmarks needs to be
    OK, where data with less were wrong or erred far, `confirmed_evidence`: one where two searches agree; 0 where none
    was.

    The keys of the metadata are those of bundle.yaml.
    """

    frames: int
    data: Tuple[TrainingSet, ...]
    indicators: Dict[str, IndicatorRange] = field(metadata={KEY: "signs"})
    position_scale: Tuple[float, ...]
    orientation_scale: Tuple[float, ...]
    shape: Tuple[Tuple[float, ...], ...]
    nonconformity_quantiles: Tuple[float, ...] = field(metadata={KEY: "strangeness"})
    nonconformity_tail: float = field(metadata={KEY: "strangeness_tail"})
    degraded_below: float
    lost_below: float
    out_of_distribution_count: int = field(metadata={KEY: "negatives"})
    wanted_false_accept: float
    false_accept: float
    coverage: Dict[str, Dict[str, float]]
    stages: Dict[str, StageCalibration] = field(default_factory=dict)
    least_evidence: float = 0.0
    confirmed_evidence: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError that names the key, what was found and what was expected."""
        _check("frames", self.frames, 1 <= self.frames <= MAX_FRAMES, f"1 to {MAX_FRAMES}")
        count = self.out_of_distribution_count
        _check("negatives", count, 0 <= count <= MAX_FRAMES, f"0 to {MAX_FRAMES}")
        self._check_indicators()
        for key in ("position_scale", "orientation_scale"):
            values = getattr(self, key)
            fits = len(values) == 1 + len(SCALE_INDICATORS) and abs(values[0]) <= MAX_LOG
            _check(key, values, fits and all(abs(v) <= MAX_WEIGHT for v in values[1:]), "a constant and three weights")
        _check_shape(self.shape)
        self._check_nonconformity()
        for key in ("least_evidence", "confirmed_evidence"):
            needed = getattr(self, key)
            _check(key, needed, 0 <= needed <= MAX_EVIDENCE, f"0 to {MAX_EVIDENCE:g} orders of magnitude")
        thresholds = (self.lost_below, self.degraded_below)
        _check("lost_below, degraded_below", thresholds, 0 <= thresholds[0] <= thresholds[1] <= 1, "0 to 1, ascending")
        levels = {kind: set(by_level) for kind, by_level in self.coverage.items()}
        expected = {kind: set(by_level) for kind, by_level in NOT_MEASURED.items()}
        _check("coverage", levels, levels == expected, f"position and orientation at {LEVELS}")
        _check("stages", sorted(self.stages), set(self.stages) <= set(STAGES), f"some of {', '.join(STAGES)}")
        coverages = [value for by_level in self.coverage.values() for value in by_level.values()]
        shares = (self.wanted_false_accept, self.false_accept, *coverages)
        _check("shares", shares, all(0 <= share <= 1 for share in shares), "0 to 1 each")

    def _check_indicators(self) -> None:
        _check("signs", sorted(self.indicators), set(self.indicators) == set(INDICATORS), ", ".join(INDICATORS))
        for name, one in self.indicators.items():
            fits = all(abs(value) <= MAX_LOG for value in (one.mean, one.low, one.high))
            fits = fits and 1e-3 <= one.sd <= MAX_LOG and one.low <= one.high
            _check(f"sign {name}", one, fits, f"logarithms up to {MAX_LOG} and a positive deviation")

    def _check_nonconformity(self) -> None:
        quantiles, tail = self.nonconformity_quantiles, self.nonconformity_tail
        fits = len(quantiles) == len(SCORE_LEVELS) and bool(np.all(np.diff(quantiles) >= 0))
        fits = fits and all(0 <= value <= MAX_NONCONFORMITY for value in quantiles)
        _check("strangeness", quantiles, fits, f"{len(SCORE_LEVELS)} ascending values")
        _check("strangeness_tail", tail, 1e-6 <= tail <= MAX_NONCONFORMITY, f"1e-6 to {MAX_NONCONFORMITY}")

    def covariance(self, indicators: Mapping[str, float], quat_xyzw: np.ndarray) -> np.ndarray:
        """(6, 6) of an estimate with rotation quat_xyzw (4,): x, y, z in metres, rotations about fixed axes in radians.

        All in axes of the parent frame (REP 103, as geometry_msgs/PoseWithCovariance wants); positive definite.
        """
        scales = self.error_scales(log_indicators(indicators)[None])[0]
        R_parent_camera = Rotation.from_quat(quat_xyzw).as_matrix()
        to_parent = np.kron(np.diag(scales), R_parent_camera)
        covariance: np.ndarray = to_parent @ np.array(self.shape) @ to_parent.T
        symmetric: np.ndarray = (covariance + covariance.T) / 2
        return symmetric

    @property
    def has_one_reach(self) -> bool:
        """Whether, as in older calibrations, what one search found was measured together with what two agree on."""
        return "tracked" in self.stages and "confirmed" not in self.stages

    @property
    def tells_confirmed(self) -> bool:
        """Whether more is promised of poses that two searches agree on than of those by one alone."""
        return not self.has_one_reach or self.least_evidence != self.confirmed_evidence

    def needed_evidence(self, is_confirmed: bool) -> float:
        """Orders of magnitude that a pose by landmarks needs to be OK, of one search, or where two agreed."""
        return self.confirmed_evidence if is_confirmed else self.least_evidence

    def is_enough(self, evidence: float, is_confirmed: bool) -> bool:
        """Whether a pose by landmarks of such evidence can be OK; NaN, of none at all, only where all can."""
        needed = self.needed_evidence(is_confirmed)
        return needed == 0 or evidence >= needed

    def error_scales(self, logs_ns: np.ndarray) -> np.ndarray:
        """Typical errors (n, 2) in metres and radians for logarithms of indicators (n, s)."""
        weights = np.array([self.position_scale, self.orientation_scale])
        scales: np.ndarray = np.exp(weights[:, 0] + self.scale_units(logs_ns) @ weights[:, 1:].T)
        return scales

    def score(self, indicators: Mapping[str, float]) -> float:
        """0 to 1: share of in-distribution images of no lower nonconformity; tiny shares are extrapolated."""
        return float(self.scores(log_indicators(indicators)[None])[0])

    def scores(self, logs_ns: np.ndarray) -> np.ndarray:
        """Scores (n,) for logarithms of indicators (n, s)."""
        found = nonconformity(self.units(logs_ns))
        last = self.nonconformity_quantiles[-1]
        # turned round, because of equal values the largest share is meant
        common = np.interp(-found, -np.array(self.nonconformity_quantiles[::-1]), SCORE_LEVELS[::-1])
        rare = SCORE_LEVELS[-1] * np.exp(-np.maximum(found - last, 0.0) / self.nonconformity_tail)
        return np.maximum(np.where(found > last, rare, common), SMALLEST_SCORE)

    def most_unusual(self, indicators: Mapping[str, float]) -> str:
        """Name of the indicator that is furthest above what is usual."""
        return SCORE_INDICATORS[int(np.argmax(self.units(log_indicators(indicators)[None])[0, _SCORE_COLUMNS]))]

    def units(self, logs_ns: np.ndarray) -> np.ndarray:
        """Logarithms of indicators (n, s) as deviations from what is usual (n, s)."""
        mean, sd = np.array([(self.indicators[name].mean, self.indicators[name].sd) for name in INDICATORS]).T
        deviations: np.ndarray = (logs_ns - mean) / sd
        return deviations

    def scale_units(self, logs_ns: np.ndarray) -> np.ndarray:
        """Those of SCALE_INDICATORS (n, c), held within what the calibration has seen."""
        low, high = np.array([(self.indicators[name].low, self.indicators[name].high) for name in INDICATORS]).T
        return self.units(np.clip(logs_ns, low, high))[:, _SCALE_COLUMNS]


def landmark_covariance(covariance: np.ndarray, count: int, deviation: np.ndarray) -> np.ndarray:
    """The calibrated covariance (6, 6) of a pose by landmarks, from that of the normal equations of `count` landmarks.

    deviation (4,), fitted by `uncertainty.landmark_error_fit`: of the position, then of the rotation, the scale and
    the deviation of one landmark that `widened` takes, in metres and radians.
    """
    return widened(covariance, count, *(np.repeat(values, 3) for values in deviation.reshape(2, 2).T))


def widened(covariances: np.ndarray, counts: Any, scale: np.ndarray, of_one: np.ndarray) -> np.ndarray:
    """Covariances (..., d, d) of normal equations of `counts` (...) landmarks, made as large as errors are.

    scale (d,): of standard deviations; of_one (d,): the standard deviation that a pose of a single landmark would have
    beside that, and which falls with their number.
    """
    of_map = np.square(of_one / np.asarray(counts)[..., None])
    calibrated: np.ndarray = scale[:, None] * covariances * scale + of_map[..., None] * np.eye(len(scale))
    return calibrated


def nonconformity(units_ns: np.ndarray) -> np.ndarray:
    """Nonconformity scores (n,): how much higher than usual the indicators are together.

    units_ns (n, s): indicators as deviations from what is usual, see `ErrorCalibration.units`.
    """
    above = np.maximum(units_ns[:, _SCORE_COLUMNS], 0.0)
    length: np.ndarray = np.sqrt(np.square(above).sum(axis=1))
    return length


def _check(key: str, found: Any, fits: Any, expected: str) -> None:
    if not fits:
        raise ValueError(f"calibration {key} is {str(found)[:60]}; expected {expected}")


def _check_shape(shape: tuple[tuple[float, ...], ...]) -> None:
    fits = len(shape) == 6 and all(len(row) == 6 for row in shape)
    if fits:
        matrix = np.array(shape)
        fits = bool(np.all(np.abs(matrix) <= MAX_SHAPE)) and np.allclose(matrix, matrix.T, rtol=1e-6)
        if fits:
            lengths = np.linalg.eigvalsh(matrix)
            fits = lengths[0] > 1e-9 * lengths[-1] and lengths[0] > 1e-9
    _check("shape", shape, fits, "a symmetric, positive definite 6 x 6 matrix")

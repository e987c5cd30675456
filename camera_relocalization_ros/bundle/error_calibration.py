# SPDX-License-Identifier: BSD-3-Clause
"""What a bundle knows of its own errors: signs of an answer in, covariance and score out. Fitted by calibration_fit.

The model and the rule that makes a state of a score are written down in docs/uncertainty.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.indicators import SIGNS, log_signs
from camera_relocalization_ros.bundle.training_set import TrainingSet

# which signs tell the size of the error, and which that the image is none of the scene
SCALE_SIGNS = ("spread_position_m", "spread_orientation_rad", "training_distance_m")
SCORE_SIGNS = ("descriptor_distance", "descriptor_residual", "spread_position_m", "spread_orientation_rad")
_SCALE_COLUMNS, _SCORE_COLUMNS = ([SIGNS.index(name) for name in names] for names in (SCALE_SIGNS, SCORE_SIGNS))
# the statistic of strangeness is kept at these shares of known-good images that are at least as strange
SCORE_LEVELS = np.linspace(1.0, 0.05, 20)
SMALLEST_SCORE = 1e-12
LEVELS = (0.5, 0.9, 0.95)
# signs and errors in natural logarithms, and the weights between them
MAX_LOG, MAX_WEIGHT, MAX_SHAPE, MAX_STRANGENESS, MAX_FRAMES = 20.0, 5.0, 1e6, 1e6, 10**9


@dataclass(frozen=True)
class SignRange:
    """Of the logarithm of a sign over known-good images: mean and standard deviation, smallest and largest."""

    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """Fitted to `frames` images of `data`, with full windows, that the bundle was not trained on.

    `signs` by the names of SIGNS. `position_scale`, `orientation_scale`: constant and a weight per sign of SCALE_SIGNS,
    for the logarithm of an error in metres and radians. `shape` (6, 6): covariance of errors divided by their scale,
    position then rotation, in axes of the camera, so large that the 90 % ellipsoids hold 90 %. `strangeness`: of the
    known-good images at SCORE_LEVELS, and beyond the last the mean excess, `strangeness_tail`.

    A score below `lost_below` is LOST, below `degraded_below` DEGRADED. `wanted_false_accept` of `negatives` images of
    other things were to score higher, `false_accept` do. `coverage` by kind and level is that of left-out blocks.
    """

    frames: int
    data: tuple[TrainingSet, ...]
    signs: dict[str, SignRange]
    position_scale: tuple[float, ...]
    orientation_scale: tuple[float, ...]
    shape: tuple[tuple[float, ...], ...]
    strangeness: tuple[float, ...]
    strangeness_tail: float
    degraded_below: float
    lost_below: float
    negatives: int
    wanted_false_accept: float
    false_accept: float
    coverage: dict[str, dict[str, float]]

    def __post_init__(self) -> None:
        """Raises ValueError that names the key, what was found and what was expected."""
        _check("frames", self.frames, 1 <= self.frames <= MAX_FRAMES, f"1 to {MAX_FRAMES}")
        _check("negatives", self.negatives, 0 <= self.negatives <= MAX_FRAMES, f"0 to {MAX_FRAMES}")
        _check("signs", sorted(self.signs), set(self.signs) == set(SIGNS), ", ".join(SIGNS))
        for name, sign in self.signs.items():
            fits = all(abs(value) <= MAX_LOG for value in (sign.mean, sign.low, sign.high))
            fits = fits and 1e-3 <= sign.sd <= MAX_LOG and sign.low <= sign.high
            _check(f"sign {name}", sign, fits, f"logarithms up to {MAX_LOG} and a positive deviation")
        for key in ("position_scale", "orientation_scale"):
            values = getattr(self, key)
            fits = len(values) == 1 + len(SCALE_SIGNS) and abs(values[0]) <= MAX_LOG
            _check(key, values, fits and all(abs(v) <= MAX_WEIGHT for v in values[1:]), "a constant and three weights")
        _check_shape(self.shape)
        fits = len(self.strangeness) == len(SCORE_LEVELS) and bool(np.all(np.diff(self.strangeness) >= 0))
        fits = fits and all(0 <= value <= MAX_STRANGENESS for value in self.strangeness)
        _check("strangeness", self.strangeness, fits, f"{len(SCORE_LEVELS)} ascending values")
        fits = 1e-6 <= self.strangeness_tail <= MAX_STRANGENESS
        _check("strangeness_tail", self.strangeness_tail, fits, f"1e-6 to {MAX_STRANGENESS}")
        thresholds = (self.lost_below, self.degraded_below)
        _check("lost_below, degraded_below", thresholds, 0 <= thresholds[0] <= thresholds[1] <= 1, "0 to 1, ascending")
        shares = (self.wanted_false_accept, self.false_accept)
        shares += tuple(value for by_level in self.coverage.values() for value in by_level.values())
        _check("shares", shares, all(0 <= share <= 1 for share in shares), "0 to 1 each")

    def covariance(self, signs: Mapping[str, float], quat_xyzw: np.ndarray) -> np.ndarray:
        """(6, 6) of an answer with rotation quat_xyzw (4,): x, y, z in metres, rotations about fixed axes in radians.

        All in axes of the parent frame (REP 103, as geometry_msgs/PoseWithCovariance wants); positive definite.
        """
        scales = self.error_scales(log_signs(signs)[None])[0]
        R_parent_camera = Rotation.from_quat(quat_xyzw).as_matrix()
        to_parent = np.kron(np.diag(scales), R_parent_camera)
        covariance = to_parent @ np.array(self.shape) @ to_parent.T
        return (covariance + covariance.T) / 2

    def error_scales(self, logs_ns: np.ndarray) -> np.ndarray:
        """Typical errors (n, 2) in metres and radians for logarithms of signs (n, s)."""
        weights = np.array([self.position_scale, self.orientation_scale])
        return np.exp(weights[:, 0] + self.scale_units(logs_ns) @ weights[:, 1:].T)

    def score(self, signs: Mapping[str, float]) -> float:
        """0 to 1: the share of known-good images that are at least as strange; tiny shares are extrapolated."""
        return float(self.scores(log_signs(signs)[None])[0])

    def scores(self, logs_ns: np.ndarray) -> np.ndarray:
        """Scores (n,) for logarithms of signs (n, s)."""
        strange = strangeness(self.units(logs_ns))
        last = self.strangeness[-1]
        # turned round, because of equal values the largest share is meant
        common = np.interp(-strange, -np.array(self.strangeness[::-1]), SCORE_LEVELS[::-1])
        rare = SCORE_LEVELS[-1] * np.exp(-np.maximum(strange - last, 0.0) / self.strangeness_tail)
        return np.maximum(np.where(strange > last, rare, common), SMALLEST_SCORE)

    def strangest(self, signs: Mapping[str, float]) -> str:
        """Name of the sign that is furthest above what is usual."""
        return SCORE_SIGNS[int(np.argmax(self.units(log_signs(signs)[None])[0, _SCORE_COLUMNS]))]

    def units(self, logs_ns: np.ndarray) -> np.ndarray:
        """Logarithms of signs (n, s) as deviations from what is usual (n, s)."""
        mean, sd = np.array([(self.signs[name].mean, self.signs[name].sd) for name in SIGNS]).T
        return (logs_ns - mean) / sd

    def scale_units(self, logs_ns: np.ndarray) -> np.ndarray:
        """Those of SCALE_SIGNS (n, c), held within what the calibration has seen."""
        low, high = np.array([(self.signs[name].low, self.signs[name].high) for name in SIGNS]).T
        return self.units(np.clip(logs_ns, low, high))[:, _SCALE_COLUMNS]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for YAML."""
        values = asdict(self)
        values.update(shape=[list(row) for row in self.shape], data=[asdict(data) for data in self.data])
        for key in ("position_scale", "orientation_scale", "strangeness"):
            values[key] = list(values[key])
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Calibration:
        """The inverse of `to_dict`; raises KeyError, TypeError or ValueError on anything else."""
        numbers = {key: float(values[key]) for key in _NUMBERS}
        lists = {key: tuple(map(float, values[key])) for key in ("position_scale", "orientation_scale", "strangeness")}
        return cls(
            frames=int(values["frames"]),
            negatives=int(values["negatives"]),
            data=tuple(map(TrainingSet.from_dict, values["data"])),
            signs={name: SignRange(**{k: float(v) for k, v in sign.items()}) for name, sign in values["signs"].items()},
            shape=tuple(tuple(map(float, row)) for row in values["shape"]),
            coverage={
                kind: {f"{level:g}": float(values["coverage"][kind][f"{level:g}"]) for level in LEVELS}
                for kind in ("position", "orientation")
            },
            **numbers,
            **lists,
        )


_NUMBERS = ("strangeness_tail", "degraded_below", "lost_below", "wanted_false_accept", "false_accept")


def strangeness(units_ns: np.ndarray) -> np.ndarray:
    """How much higher than usual the signs are together (n,): of units_ns (n, s), means 0 and deviations 1."""
    return np.sqrt(np.square(np.maximum(units_ns[:, _SCORE_COLUMNS], 0.0)).sum(axis=1))


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

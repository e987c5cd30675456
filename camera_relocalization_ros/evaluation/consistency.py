# SPDX-License-Identifier: BSD-3-Clause
"""Consistency of covariances and states with the truth: coverage, squared errors (NEES), errors of each state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import LEVELS
from camera_relocalization_ros.core.chi_square import chi_square_quantile, squared_distance
from camera_relocalization_ros.core.pose import Poses, pose_residual
from camera_relocalization_ros.core.pose_errors import PoseErrors, length_unit
from camera_relocalization_ros.core.state import State

STATES = (State.OK, State.DEGRADED, State.LOST)
KINDS = ("position", "orientation")
PARTS = {"position": slice(0, 3), "orientation": slice(3, 6), "pose": slice(0, 6)}


@dataclass(frozen=True)
class ConsistencyReport:
    """Of estimates for n images of the scene: squares of `normalized_squares`, states, errors and scores (n,).

    Squares and errors are NaN where there is no covariance, or no estimate.
    """

    squares: Mapping[str, np.ndarray]
    states: np.ndarray
    errors: PoseErrors
    scores: np.ndarray

    def coverage(self) -> dict[str, dict[str, float]]:
        """Share of truths inside of the ellipsoids of LEVELS, by kind and level."""
        shares = coverage({kind: self.squares[kind] for kind in KINDS}, LEVELS)
        return {kind: {f"{level:g}": share for level, share in zip(LEVELS, of.tolist())} for kind, of in shares.items()}

    def summary(self) -> dict[str, Any]:
        """Coverage, share of each state and the errors of OK estimates, as plain numbers."""
        good = self.states == State.OK
        return {
            "coverage": self.coverage(),
            "states": {state.name: float((self.states == state).mean()) for state in STATES},
            "ok": self._errors_of(good).summary() if good.any() else None,
        }

    def table(self, is_metric: bool = True) -> str:
        """The same in plain text, with the errors of each state."""
        position = f"position [{length_unit(is_metric)}]: median, 90 %"
        lines = [f"{'truth inside of':<22}" + "".join(f"{level:>8.0%}" for level in LEVELS)]
        for kind, shares in self.coverage().items():
            lines.append(f"{kind:<22}" + "".join(f"{share:>8.1%}" for share in shares.values()))
        lines.append(
            f"{'state':<12}{'share':>10}{position:>30}{'orientation [deg]: the same':>30}{'truths in 90 %':>20}"
        )
        for state in STATES:
            chosen = (self.states == state) & np.isfinite(self.errors.position_m)
            cells = self._error_cells(chosen) + self._inside_cell(chosen) if chosen.any() else ""
            lines.append(f"{state.name:<12}{chosen.mean():>10.1%}{cells}")
        return "\n".join(lines)

    def inside(self, chosen: np.ndarray) -> dict[str, float]:
        """Share of truths in the ellipsoids of 90 % of position and of orientation, of chosen rows (n,)."""
        return {kind: float(coverage({kind: self.squares[kind][chosen]}, [0.9])[kind][0]) for kind in KINDS}

    def _inside_cell(self, chosen: np.ndarray) -> str:
        if not np.isfinite(self.squares["position"][chosen]).any():
            return ""
        return "".join(f"{share:>10.1%}" for share in self.inside(chosen).values())

    def _errors_of(self, chosen: np.ndarray) -> PoseErrors:
        return PoseErrors(self.errors.position_m[chosen], self.errors.orientation_deg[chosen])

    def _error_cells(self, chosen: np.ndarray) -> str:
        errors = self._errors_of(chosen)
        position, orientation = (np.percentile(e, [50, 90]) for e in (errors.position_m, errors.orientation_deg))
        return f"{position[0]:>21.3f}{position[1]:>9.3f}{orientation[0]:>21.2f}{orientation[1]:>9.2f}"


def normalized_squares(covariances: np.ndarray, estimates: Poses, truth: Poses) -> dict[str, np.ndarray]:
    """Squared errors in units of each estimate's own covariance (n, 6, 6): PARTS -> (n,), NaN where that is.

    Of a true covariance those of position and of orientation are chi-square with 3 degrees of freedom, those of the
    pose with 6; their mean is the NEES.
    """
    known = np.isfinite(covariances).all(axis=(1, 2))
    errors_n6 = pose_residual(estimates[known], truth[known])
    squares = {part: np.full(len(covariances), np.nan) for part in PARTS}
    for part, span in PARTS.items():
        squares[part][known] = squared_distance(errors_n6[:, span], covariances[known][:, span, span])
    return squares


def degrees_of_freedom(part: str) -> int:
    """Of PARTS: 3, or 6 for the pose; it is the NEES that is expected."""
    return PARTS[part].stop - PARTS[part].start


def coverage(squares: Mapping[str, np.ndarray], levels: Sequence[float]) -> dict[str, np.ndarray]:
    """Share of truths inside of the ellipsoids of `levels`, of those that have a covariance: part -> (levels,)."""
    shares = {}
    for part, values in squares.items():
        limits = chi_square_quantile(np.array(levels), degrees_of_freedom(part))
        shares[part] = (values[np.isfinite(values), None] <= limits).mean(axis=0)
    return shares

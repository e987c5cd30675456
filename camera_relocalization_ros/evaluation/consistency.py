# SPDX-License-Identifier: BSD-3-Clause
"""Consistency of covariances and states with the truth: coverage, squared errors (NEES), errors of each state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import LEVELS
from camera_relocalization_ros.core.chi_square import chi_square_quantile
from camera_relocalization_ros.core.pose import Poses, pose_residual
from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.state import State

STATES = (State.OK, State.DEGRADED, State.LOST)


@dataclass(frozen=True)
class ConsistencyReport:
    """Of estimates for n images of the scene: squares (n, 2) of `mahalanobis_squares`, states, errors and scores (n,).

    Squares and errors are NaN where there is no covariance, or no estimate.
    """

    squares: np.ndarray
    states: np.ndarray
    errors: PoseErrors
    scores: np.ndarray

    def coverage(self) -> dict[str, dict[str, float]]:
        """Share of truths inside of the ellipsoids of LEVELS, by kind and level."""
        squares = self.squares[np.isfinite(self.squares).all(axis=1)]
        return {
            kind: {
                f"{level:g}": float((squares[:, column] <= chi_square_quantile(level, 3)).mean()) for level in LEVELS
            }
            for column, kind in enumerate(("position", "orientation"))
        }

    def summary(self) -> dict[str, Any]:
        """Coverage, share of each state and the errors of OK estimates, as plain numbers."""
        good = self.states == State.OK
        return {
            "coverage": self.coverage(),
            "states": {state.name: float((self.states == state).mean()) for state in STATES},
            "ok": self._errors_of(good).summary() if good.any() else None,
        }

    def table(self) -> str:
        """The same in plain text, with the errors of each state."""
        lines = [f"{'truth inside of':<22}" + "".join(f"{level:>8.0%}" for level in LEVELS)]
        for kind, shares in self.coverage().items():
            lines.append(f"{kind:<22}" + "".join(f"{share:>8.1%}" for share in shares.values()))
        lines.append(f"{'state':<22}{'share':>8}{'position [m]: median, 90 %':>30}{'orientation [deg]: the same':>30}")
        for state in STATES:
            chosen = (self.states == state) & np.isfinite(self.errors.position_m)
            lines.append(f"{state.name:<22}{chosen.mean():>8.1%}" + (self._error_cells(chosen) if chosen.any() else ""))
        return "\n".join(lines)

    def _errors_of(self, chosen: np.ndarray) -> PoseErrors:
        return PoseErrors(self.errors.position_m[chosen], self.errors.orientation_deg[chosen])

    def _error_cells(self, chosen: np.ndarray) -> str:
        errors = self._errors_of(chosen)
        position, orientation = (np.percentile(e, [50, 90]) for e in (errors.position_m, errors.orientation_deg))
        return f"{position[0]:>21.3f}{position[1]:>9.3f}{orientation[0]:>21.2f}{orientation[1]:>9.2f}"


def mahalanobis_squares(covariances: np.ndarray, estimates: Poses, truth: Poses) -> np.ndarray:
    """Squared Mahalanobis distances (n, 2) of the true positions and orientations, by covariances (n, 6, 6).

    NaN where the covariance is.
    """
    squares, known = np.full((len(covariances), 2), np.nan), np.isfinite(covariances).all(axis=(1, 2))
    errors_n6 = pose_residual(estimates[known], truth[known])
    for column, part in enumerate((slice(0, 3), slice(3, 6))):
        errors = errors_n6[:, part]
        solved = np.linalg.solve(covariances[known][:, part, part], errors[..., None])[..., 0]
        squares[known, column] = np.einsum("ni,ni->n", errors, solved)
    return squares

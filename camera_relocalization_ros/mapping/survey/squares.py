# SPDX-License-Identifier: BSD-3-Clause
"""Squares of known size fitted to the pixels of their corners, with the cameras where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.mapping.survey.alignment import Similarity, similarity_between
from camera_relocalization_ros.mapping.survey.scene_points import ScenePoint


@dataclass(frozen=True)
class Square:
    """Where a square lies: the similarity from its own frame, in metres, into the scene, and how sure that is.

    Standard deviations: turn_rad (3,) about the scene's axes; shift (3,) in units of the scene; scale relative, 0 where
    that was given.
    """

    to_scene: Similarity
    turn_rad: np.ndarray
    shift: np.ndarray
    scale: float

    def less_sure(self, times: float) -> Square:
        """The same with larger deviations."""
        return Square(self.to_scene, times * self.turn_rad, times * self.shift, times * self.scale)


@dataclass(frozen=True)
class PixelFit:
    """The similarity by which a square fits best, residuals_px (m,), and their jacobian (m, 7) by the turn (3,), the
    shift (3,) in units of the square and the logarithm of the scale; (m, 6) where the scale was given.

    Residuals are of the first corner in all its views, then of the second, each as x and y.
    """

    to_scene: Similarity
    residuals_px: np.ndarray
    jacobian: np.ndarray


def pixel_fit(corners: Sequence[ScenePoint], axes_m: np.ndarray, scale: float | None = None) -> PixelFit:
    """How a square fits best to where pictures show its corners.

    axes_m: (4, 3), its corners in its own frame. scale: units of the scene for a metre, which is found too where none
    is given. Pixels tell it better than the corners in the scene, each of which is least sure along the views.
    """
    start = similarity_between(axes_m, np.array([corner.position for corner in corners]), scale)

    def moved(unknowns: np.ndarray) -> Similarity:
        turn = Rotation.from_rotvec(unknowns[:3]) * start.rotation
        size = start.scale * float(np.exp(unknowns[6:].sum()))
        return Similarity(size, turn, start.shift + start.scale * unknowns[3:6])

    def residuals_px(unknowns: np.ndarray) -> np.ndarray:
        points = moved(unknowns).apply(axes_m)
        return np.concatenate([ScenePoint(p, c.views).residuals_px().ravel() for p, c in zip(points, corners)])

    fit = least_squares(residuals_px, np.zeros(7 if scale is None else 6), method="lm")
    return PixelFit(moved(fit.x), fit.fun, fit.jac)


def fitted_square(corners: Sequence[ScenePoint], axes_m: np.ndarray, scale: float | None = None) -> Square:
    """The square that fits best, see pixel_fit, and how sure it is."""
    fit = pixel_fit(corners, axes_m, scale)
    variance_px2 = float((fit.residuals_px**2).sum()) / (len(fit.residuals_px) - len(fit.jacobian.T))
    deviations = np.sqrt(variance_px2 * np.diag(np.linalg.inv(fit.jacobian.T @ fit.jacobian)))
    return Square(fit.to_scene, deviations[:3], fit.to_scene.scale * deviations[3:6], float(deviations[6:].sum()))

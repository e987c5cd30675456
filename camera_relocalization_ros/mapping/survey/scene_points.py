# SPDX-License-Identifier: BSD-3-Clause
"""Points of a reconstruction by where pictures show them: corners of tags, or what a person picked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# a point that projects further from where it was seen, in widths of the picture, is another's, or partly covered
MOST_ERROR_SHARE = 0.002
FEWEST_VIEWS = 2


@dataclass(frozen=True)
class ScenePoint:
    """A point (3,) of the scene, and pictures (pycolmap's images) that show it at pixels (2,)."""

    position: np.ndarray
    views: list[tuple[Any, np.ndarray]]

    def error_shares(self) -> list[float]:
        """How far from its pixels it projects, in widths of the picture, for each view."""
        lengths = np.linalg.norm(self.residuals_px(), axis=1).tolist()
        return [length / image.camera.width for length, (image, _) in zip(lengths, self.views)]

    def residuals_px(self) -> np.ndarray:
        """Where it projects to, less its pixels (N, 2), for each view; infinite behind a camera."""
        projected = [image.project_point(self.position) for image, _ in self.views]
        # COLMAP's pixel centres lie at halves
        return np.array(
            [np.full(2, np.inf) if own is None else own - px - 0.5 for own, (_, px) in zip(projected, self.views)]
        )


def triangulated(views: list[tuple[Any, np.ndarray]], most_error_share: float = MOST_ERROR_SHARE) -> ScenePoint | None:
    """The point that pictures (pycolmap's images) show at pixels (2,), without the views that disagree.

    None where fewer than FEWEST_VIEWS agree to most_error_share, in widths of the picture.
    """
    while len(views) >= FEWEST_VIEWS:
        point = intersection(views)
        errors = point.error_shares()
        worst = int(np.argmax(errors))
        if errors[worst] <= most_error_share:
            return point
        views = [view for n, view in enumerate(views) if n != worst]
    return None


def intersection(views: list[tuple[Any, np.ndarray]]) -> ScenePoint:
    """The point that two or more pictures (pycolmap's images) show at pixels (2,), however well they agree."""
    rows = []
    for image, pixel in views:
        # COLMAP's pixel centres lie at halves
        ray = image.camera.cam_from_img(pixel + 0.5)
        T_camera_scene = image.cam_from_world().matrix()
        rows += [ray[0] * T_camera_scene[2] - T_camera_scene[0], ray[1] * T_camera_scene[2] - T_camera_scene[1]]
    solution = np.linalg.svd(np.array(rows))[2][-1]
    return ScenePoint(solution[:3] / solution[3], views)

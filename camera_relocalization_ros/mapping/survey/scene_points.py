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
        return [_error_share(image, self.position, pixel) for image, pixel in self.views]


def triangulated(views: list[tuple[Any, np.ndarray]], most_error_share: float = MOST_ERROR_SHARE) -> ScenePoint | None:
    """The point that pictures (pycolmap's images) show at pixels (2,), without the views that disagree.

    None where fewer than FEWEST_VIEWS agree to most_error_share, in widths of the picture.
    """
    while len(views) >= FEWEST_VIEWS:
        point = ScenePoint(_intersection(views), views)
        errors = point.error_shares()
        worst = int(np.argmax(errors))
        if errors[worst] <= most_error_share:
            return point
        views = [view for n, view in enumerate(views) if n != worst]
    return None


def _intersection(views: list[tuple[Any, np.ndarray]]) -> np.ndarray:
    rows = []
    for image, pixel in views:
        # COLMAP's pixel centres lie at halves
        ray = image.camera.cam_from_img(pixel + 0.5)
        T_camera_scene = image.cam_from_world().matrix()
        rows += [ray[0] * T_camera_scene[2] - T_camera_scene[0], ray[1] * T_camera_scene[2] - T_camera_scene[1]]
    solution = np.linalg.svd(np.array(rows))[2][-1]
    point: np.ndarray = solution[:3] / solution[3]
    return point


def _error_share(image: Any, point: np.ndarray, pixel: np.ndarray) -> float:
    projected = image.project_point(point)
    return float("inf") if projected is None else float(np.linalg.norm(projected - pixel - 0.5) / image.camera.width)

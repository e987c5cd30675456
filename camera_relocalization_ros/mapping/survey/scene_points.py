# SPDX-License-Identifier: BSD-3-Clause
"""Points of a reconstruction by where pictures show them: corners of tags, or what a person picked."""

from __future__ import annotations

from typing import Any

import numpy as np

# a point that projects further from where it was seen, in widths of the picture, is another's, or partly covered
MOST_ERROR_SHARE = 0.002
FEWEST_VIEWS = 2


def triangulated(views: list[tuple[Any, np.ndarray]]) -> np.ndarray | None:
    """The point (3,) that pictures (pycolmap's images) show at pixels (2,), without those that disagree.

    None where fewer than FEWEST_VIEWS agree.
    """
    point = None
    while len(views) >= FEWEST_VIEWS:
        point = _intersection(views)
        errors = [_error_share(image, point, pixel) for image, pixel in views]
        worst = int(np.argmax(errors))
        if errors[worst] <= MOST_ERROR_SHARE:
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

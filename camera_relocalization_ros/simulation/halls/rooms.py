# SPDX-License-Identifier: BSD-3-Clause
"""Walls, floors and ceilings of rooms with four corners, as parts in map."""

from __future__ import annotations

from typing import Callable, Sequence

import numpy as np

from camera_relocalization_ros.simulation.surface import Part, quad_surface

# number 0 to 3 from the side of low y on, counterclockwise; length and height in metres
WallPaint = Callable[[int, float, float], np.ndarray]


def walls(low: Sequence[float], high: Sequence[float], paint: WallPaint) -> list[Part]:
    """The four walls of a room between two corners, seen from inside."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    middle = 0.5 * (np.array(low) + np.array(high))
    parts = []
    for number in range(4):
        (xa, ya), (xb, yb) = corners[number], corners[(number + 1) % 4]
        # seen from inside, the wall runs from b on the left to a on the right
        quad = np.array([[xb, yb, z0], [xa, ya, z0], [xa, ya, z1], [xb, yb, z1]])
        outside = 2 * quad.mean(axis=0) - middle
        parts.append(Part(quad_surface(quad, outside), paint(number, float(np.hypot(xb - xa, yb - ya)), z1 - z0)))
    return parts


def floor(low: Sequence[float], high: Sequence[float], texture: np.ndarray, is_ground: bool = False) -> Part:
    """The level at low's height; columns of the texture along x, rows from high y to low y."""
    (x0, y0, z), (x1, y1) = low[:3], high[:2]
    quad = np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]])
    return Part(quad_surface(quad, quad.mean(axis=0) - [0, 0, 1]), texture, is_ground=is_ground)


def ceiling(low: Sequence[float], high: Sequence[float], texture: np.ndarray) -> Part:
    """The level at high's height, seen from below."""
    (x0, y0), (x1, y1, z) = low[:2], high[:3]
    quad = np.array([[x0, y1, z], [x1, y1, z], [x1, y0, z], [x0, y0, z]])
    return Part(quad_surface(quad, quad.mean(axis=0) + [0, 0, 1]), texture)

# SPDX-License-Identifier: BSD-3-Clause
"""Surfaces that airframes are put together from: fuselages, wings, fins, nacelles, struts and a stand.

All in wing/base_link (x to the nose, y to the left wing, z up; metres). Which part of a texture lies where, each says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Sequence

import cv2
import numpy as np
import pyvista

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.surface import Gloss, Part, grid_surface, solid

RING = 48
FLOOR_M = -1.62


@dataclass(frozen=True)
class Plan:
    """A wing from above: at root and tip its leading and trailing edge (x), its span (y) and its rise (z)."""

    root: tuple[float, float, float, float]
    tip: tuple[float, float, float, float]
    thickness: float = 0.05

    @classmethod
    def of(cls, plan: dict, thickness: float) -> Plan:
        """Of a plan with the keys root and tip."""
        return cls(plan["root"], plan["tip"], thickness)


def fuselage_surface(
    stations: np.ndarray, rows: int = 60, ring: int = RING, flat: float = 1.0, y: float = 0.0
) -> pyvista.PolyData:
    """A body through stations (N, 3: x, radius, height of the middle), nose first; `flat` is its width over its height.

    Texture: columns from nose to tail; rows from the top of the image: up the right side from the belly, over the top,
    down the left side.
    """
    x = np.linspace(stations[0, 0], stations[-1, 0], rows)
    backwards = stations[::-1]
    radius = np.interp(x, backwards[:, 0], backwards[:, 1])
    centre = np.interp(x, backwards[:, 0], backwards[:, 2])
    # the seam runs along the belly; u goes from the belly up the left side, over the top, down the right
    u = np.linspace(0, 1, ring)
    angle = 2 * np.pi * u - np.pi / 2
    points = np.stack(
        [
            np.repeat(x[:, None], ring, 1),
            y + flat * radius[:, None] * np.cos(angle)[None],
            centre[:, None] + radius[:, None] * np.sin(angle)[None],
        ],
        axis=2,
    )
    axis = np.stack(np.broadcast_arrays(x[:, None], y, centre[:, None]), axis=2) * np.ones((1, ring, 1))
    along = (x[0] - x) / (x[0] - x[-1])
    uv = np.stack([np.repeat(along[:, None], ring, 1), np.repeat(u[None], rows, 0)], axis=2)
    return grid_surface(points, uv, axis)


class SidePaint:
    """One side of a fuselage to paint on, upright as one sees it: row 0 is the top's middle, the last the belly's.

    Columns are counted from the nose, on the left side to the right, on the right side to the left.
    """

    def __init__(self, image: np.ndarray, is_left: bool) -> None:
        self.image, self.is_left = image, is_left

    def rectangle(
        self, columns: tuple[int, int], rows: tuple[int, int], colour: painting.Colour, line: int = -1
    ) -> None:
        """A filled one where no line's width is given."""
        cv2.rectangle(self.image, (self._at(columns[0]), rows[0]), (self._at(columns[1]), rows[1]), colour, line)

    def ellipse(self, centre: tuple[int, int], axes: tuple[int, int], colour: painting.Colour, line: int = -1) -> None:
        """A filled one where no line's width is given."""
        cv2.ellipse(self.image, (self._at(centre[0]), centre[1]), axes, 0, 0, 360, colour, line)

    def lettering(self, text: str, centre: tuple[int, int], scale: float, colour: painting.Colour) -> None:
        """Text that one can read from there."""
        painting.lettering(self.image, text, (self._at(centre[0]), centre[1]), scale, colour)

    def _at(self, column: int) -> int:
        return column if self.is_left else self.image.shape[1] - 1 - column


def fuselage_texture(ground: np.ndarray, paint: Callable[[SidePaint], None]) -> np.ndarray:
    """The texture of `fuselage_surface`: both sides painted by `paint` on a ground (H, W, 3) of the whole."""
    half = len(ground) // 2
    right, left = np.ascontiguousarray(ground[:half][::-1, ::-1]), ground[half:].copy()
    paint(SidePaint(left, True))
    paint(SidePaint(right, False))
    return np.vstack([right[::-1, ::-1], left])


def lifting_surface(
    plan: Plan,
    side: int,
    skins: tuple[np.ndarray, np.ndarray],
    steps: tuple[int, int] = (14, 12),
    gloss: Gloss | None = None,
) -> list[Part]:
    """Upper and lower skin of a left (side 1) or right (-1) wing.

    Textures: columns from leading to trailing edge, rows from the tip (top) to the root.
    """
    u, v = np.linspace(0, 1, steps[0]), np.linspace(0, 1, steps[1])
    (lead_r, trail_r, span_r, rise_r), (lead_t, trail_t, span_t, rise_t) = plan.root, plan.tip
    lead, trail = lead_r + (lead_t - lead_r) * v, trail_r + (trail_t - trail_r) * v
    x = lead[:, None] + (trail - lead)[:, None] * u[None]
    y = np.repeat((side * (span_r + (span_t - span_r) * v))[:, None], len(u), 1)
    rise = np.repeat((rise_r + (rise_t - rise_r) * v)[:, None], len(u), 1)
    camber = plan.thickness * np.sqrt(u) * (1 - u) * 1.6 * (1.1 - v[:, None])
    uv = np.stack(np.broadcast_arrays(u[None], v[:, None]), axis=2)
    parts = []
    for sign, texture in zip((1, -1), skins):
        points = np.stack([x, y, rise + sign * camber], axis=2)
        parts.append(Part(grid_surface(points, uv, points - [0.0, 0.0, sign]), texture, gloss))
    return parts


def fin_surface(
    root: tuple[float, float, float],
    tip: tuple[float, float, float],
    half_m: float = 0.016,
    y: float = 0.0,
    steps: tuple[int, int] = (12, 8),
) -> pyvista.PolyData:
    """A fin from leading edge, trailing edge (x) and rise (z) at root and tip, as a closed loop left skin - right skin.

    Texture: the left half is the left skin, its leading edge leftmost; the right half the right skin, trailing edge
    first; rows from the tip (top) to the root.
    """
    u, v = np.linspace(0, 1, steps[0]), np.linspace(0, 1, steps[1])
    (lead_r, trail_r, rise_r), (lead_t, trail_t, rise_t) = root, tip
    lead, trail = lead_r + (lead_t - lead_r) * v, trail_r + (trail_t - trail_r) * v
    x = lead[:, None] + (trail - lead)[:, None] * u[None]
    z = np.repeat((rise_r + (rise_t - rise_r) * v)[:, None], len(u), 1)
    half = half_m * np.sqrt(u) * (1 - u) * 2.5 * np.ones_like(z)
    left = np.stack([x, half, z], axis=2)
    right = np.stack([x, -half, z], axis=2)[:, ::-1]
    loop = np.concatenate([left, right], axis=1)
    around = np.concatenate([0.5 * u, 0.5 + 0.5 * u])
    uv = np.stack(np.broadcast_arrays(around[None], v[:, None]), axis=2)
    middle = loop * [1.0, 0.0, 1.0]
    if y:
        loop, middle = loop + [0.0, y, 0.0], middle + [0.0, y, 0.0]
    return grid_surface(loop, uv, middle)


def nacelle_surface(
    place: Sequence[float], length_m: float, radius_m: float, steps: tuple[int, int] = (14, 32)
) -> pyvista.PolyData:
    """A round engine about a place; columns from its front to its back, rows around it from the left side on."""
    u, along = np.linspace(0, 1, steps[1]), np.linspace(0, 1, steps[0])
    radius = radius_m * (0.25 + 0.75 * np.clip(np.sin(np.pi * (0.12 + 0.8 * along)) * 1.3, 0, 1))
    angle = 2 * np.pi * u
    points = np.stack(
        [
            np.repeat((place[0] + length_m * (0.5 - along))[:, None], len(u), 1),
            place[1] + radius[:, None] * np.cos(angle)[None],
            place[2] + radius[:, None] * np.sin(angle)[None],
        ],
        axis=2,
    )
    uv = np.stack(np.broadcast_arrays(along[:, None], u[None]), axis=2)
    axis = points * [1.0, 0.0, 0.0] + [0.0, place[1], place[2]]
    return grid_surface(points, uv, axis)


def strut(start: Sequence[float], end: Sequence[float], radius_m: float, texture: np.ndarray) -> Part:
    """A rod between two points."""
    a, b = np.array(start), np.array(end)
    rod = pyvista.Cylinder(
        center=(a + b) / 2, direction=b - a, radius=radius_m, height=float(np.linalg.norm(b - a)), resolution=16
    )
    return solid(rod, texture)


def stand(rng: np.random.Generator, top_m: float = -0.17) -> list[Part]:
    """A column and a cross on the floor, 1.62 m below the airframe's origin; a saddle at `top_m`."""
    metal = painting.plaster(rng, 128, 128, (70, 72, 78), 8.0)
    height = top_m + 1.59
    column = pyvista.Cylinder(
        center=(0, 0, top_m - height / 2), direction=(0, 0, 1), radius=0.035, height=height, resolution=20
    )
    foot = [
        pyvista.Box((-0.45, 0.45, -0.03, 0.03, -1.61, -1.57)),
        pyvista.Box((-0.03, 0.03, -0.45, 0.45, -1.61, -1.57)),
    ]
    saddle = pyvista.Box((-0.22, 0.22, -0.07, 0.07, top_m - 0.03, top_m + 0.02))
    return [solid(mesh, metal) for mesh in (column, saddle, *foot)]

# SPDX-License-Identifier: BSD-3-Clause
"""Textured surfaces and how lamps light them; light is computed per vertex, once, because lamps do not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np
import pyvista

AMBIENT = 0.42


@dataclass(frozen=True)
class Gloss:
    """How a surface mirrors: the share of light seen from straight above, and how small a lamp's highlight is.

    reflectance: 0.04 of varnish, 0.5 of polished metal (Schlick 1994); sharpness: Phong's exponent.
    """

    reflectance: float
    sharpness: float


@dataclass(frozen=True)
class Part:
    """A mesh with texture coordinates and outward normals, and its texture (H, W, 3) uint8; v = 0 is the last row.

    paint: colours (N, 3) uint8 of the vertices, which multiply the texture. A part that glows needs no light; a ground
    is a level rectangle whose texture takes the shadows.
    """

    mesh: pyvista.PolyData
    texture: np.ndarray
    gloss: Gloss | None = None
    glows: bool = False
    is_ground: bool = False
    paint: np.ndarray | None = None


@dataclass(frozen=True)
class Lamp:
    """A small lamp at position (3,) in metres; colour (3,) is its strength in red, green and blue at 3 m."""

    position: np.ndarray
    colour: np.ndarray


@dataclass(frozen=True)
class Sun:
    """Light from one direction, a unit vector (3,) towards it; colour (3,) is its strength in red, green and blue."""

    direction: np.ndarray
    colour: np.ndarray


@dataclass(frozen=True)
class Light:
    """All light of a place: what comes from everywhere, lamps, and a sun or none."""

    lamps: tuple[Lamp, ...]
    ambient: float = AMBIENT
    sun: Sun | None = None


def grid_surface(points_mn3: np.ndarray, uv_mn2: np.ndarray, inside: np.ndarray) -> pyvista.PolyData:
    """Quads between neighbouring points of a grid (M, N); normals point away from `inside` (3,) or (M, N, 3)."""
    rows, columns = points_mn3.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    corners = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=2).reshape(-1, 4)
    mesh = pyvista.PolyData(points_mn3.reshape(-1, 3), np.hstack([np.full((len(corners), 1), 4), corners]).ravel())
    uv = uv_mn2.reshape(-1, 2).astype(np.float32)
    mesh.active_texture_coordinates = uv  # type: ignore[assignment]  # pyvista takes what VTK does, and names float64
    return with_outward_normals(mesh, np.broadcast_to(inside, points_mn3.shape).reshape(-1, 3))


def quad_surface(corners_43: np.ndarray, inside: np.ndarray) -> pyvista.PolyData:
    """A rectangle from its lower left, lower right, upper right and upper left corner, divided for smooth light."""
    steps = np.linspace(0, 1, 13)
    lower = corners_43[0] + steps[:, None] * (corners_43[1] - corners_43[0])
    upper = corners_43[3] + steps[:, None] * (corners_43[2] - corners_43[3])
    points = lower[None] + steps[:, None, None] * (upper - lower)[None]
    uv = np.stack(np.broadcast_arrays(steps[None], steps[:, None]), axis=2)
    return grid_surface(points, uv, inside)


def with_outward_normals(mesh: pyvista.PolyData, inside: np.ndarray) -> pyvista.PolyData:
    """The mesh with point normals that point away from `inside` (3,) or (N, 3)."""
    mesh = mesh.compute_normals(cell_normals=False, auto_orient_normals=False, split_vertices=False)
    normals = mesh.point_data["Normals"]
    inwards = np.sum(normals * (mesh.points - inside), axis=1) < 0
    mesh.point_data["Normals"] = np.where(inwards[:, None], -normals, normals)
    return mesh


def box(
    centre: Sequence[float], size: Sequence[float], sides: Sequence[np.ndarray], lid: np.ndarray, turn: float = 0.0
) -> list[Part]:
    """An upright box without a bottom: four sides with a texture each, and its top; turned by `turn` rad."""
    middle, half = np.array(centre, float), np.array(size, float) / 2
    cosine, sine = np.cos(turn), np.sin(turn)
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half[:2]
    corners = middle[:2] + signs @ np.array([[cosine, sine], [-sine, cosine]])
    low, high = middle[2] - half[2], middle[2] + half[2]
    parts = []
    for number, texture in enumerate(sides):
        (xa, ya), (xb, yb) = corners[number], corners[(number + 1) % 4]
        quad = np.array([[xa, ya, low], [xb, yb, low], [xb, yb, high], [xa, ya, high]])
        parts.append(Part(quad_surface(quad, middle), texture))
    top = np.array([[*corner, high] for corner in corners])
    return [*parts, Part(quad_surface(top, middle), lid)]


def solid(mesh: pyvista.PolyData, texture: np.ndarray) -> Part:
    """A convex body with a texture laid over it from one side."""
    mapped = mesh.texture_map_to_plane(use_bounds=True)
    return Part(with_outward_normals(mapped, np.array(mesh.center)), texture)


def lit_colours(mesh: pyvista.PolyData, light: Light, shaded: np.ndarray | None = None) -> np.ndarray:
    """Vertex colours (N, 3) uint8 that multiply the texture: Lambert's law, with some light from everywhere.

    shaded (N,): where something stands before the sun.
    """
    colours = np.full((mesh.n_points, 3), light.ambient)
    # pyvista's arrays watch what is done to them, which takes longer than the light
    points, normals = np.array(mesh.points), np.array(mesh.point_data["Normals"])
    for lamp in light.lamps:
        towards = lamp.position - points
        distance = np.linalg.norm(towards, axis=1, keepdims=True)
        cosine = np.sum(normals * towards, axis=1, keepdims=True) / distance
        # half of a bare inverse square: bounced light fills a white-walled room
        falloff = np.minimum(3.0 / distance, 1.5)
        colours += np.maximum(cosine, 0.0) * falloff * lamp.colour
    if light.sun is not None:
        cosine = np.maximum(normals @ light.sun.direction, 0.0)
        seen = cosine if shaded is None else np.where(shaded, 0.0, cosine)
        colours += seen[:, None] * light.sun.colour
    return np.clip(colours * 255, 0, 255).astype(np.uint8)

# SPDX-License-Identifier: BSD-3-Clause
"""Textured surfaces and how lamps light them; light is computed per vertex, once, because lamps do not move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyvista

AMBIENT = 0.42


@dataclass(frozen=True)
class Part:
    """A mesh with texture coordinates and outward normals, and its texture (H, W, 3) uint8; v = 0 is the last row."""

    mesh: pyvista.PolyData
    texture: np.ndarray


@dataclass(frozen=True)
class Lamp:
    """A small lamp at position (3,) in metres; colour (3,) is its strength in red, green and blue at 3 m."""

    position: np.ndarray
    colour: np.ndarray


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


def lit_colours(mesh: pyvista.PolyData, lamps: list[Lamp]) -> np.ndarray:
    """Vertex colours (N, 3) uint8 that multiply the texture: Lambert's law, with some light from everywhere."""
    light = np.full((mesh.n_points, 3), AMBIENT)
    for lamp in lamps:
        towards = lamp.position - mesh.points
        distance = np.linalg.norm(towards, axis=1, keepdims=True)
        cosine = np.sum(mesh.point_data["Normals"] * towards, axis=1, keepdims=True) / distance
        # half of a bare inverse square: bounced light fills a white-walled room
        falloff = np.minimum(3.0 / distance, 1.5)
        light += np.maximum(cosine, 0.0) * falloff * lamp.colour
    return np.clip(light * 255, 0, 255).astype(np.uint8)

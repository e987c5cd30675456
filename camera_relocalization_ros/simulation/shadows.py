# SPDX-License-Identifier: BSD-3-Clause
"""What the sun does not reach: shadows painted on the ground, and vertices that something stands before."""

from __future__ import annotations

from typing import Sequence

import cv2
import numpy as np
import pyvista
from vtkmodules.vtkCommonCore import mutable
from vtkmodules.vtkCommonDataModel import vtkStaticCellLocator

from camera_relocalization_ros.simulation.surface import Light, Part, Sun

# a point casts no shadow on itself; beyond the reach stands nothing that would
STEP_OFF_M, REACH_M = 0.01, 6.0
PENUMBRA_PIXELS = 5


def shadowed_ground(ground: Part, casters: Sequence[pyvista.PolyData], light: Light) -> Part:
    """The ground, a level rectangle, with the shadows of meshes in map."""
    assert light.sun is not None
    height, width = ground.texture.shape[:2]
    x0, x1, y0, y1, z, _ = ground.mesh.bounds
    mask = np.zeros((height, width), np.uint8)
    for mesh in casters:
        points = np.asarray(mesh.points, np.float64)
        fallen = points[:, :2] - (points[:, 2:] - z) / light.sun.direction[2] * light.sun.direction[:2]
        pixels = np.column_stack([(fallen[:, 0] - x0) / (x1 - x0) * width, (y1 - fallen[:, 1]) / (y1 - y0) * height])
        for triangle in np.round(pixels).astype(np.int32)[mesh.triangulate().faces.reshape(-1, 4)[:, 1:]]:
            cv2.fillConvexPoly(mask, triangle, 255)
    covered = cv2.GaussianBlur(mask, (0, 0), PENUMBRA_PIXELS)[..., None] / np.float32(255)
    bright = light.ambient + light.sun.direction[2] * light.sun.colour
    factor = 1 - covered * (1 - light.ambient / bright)
    return Part(ground.mesh, np.round(ground.texture * factor).astype(np.uint8))


def with_shadows(around: Sequence[Part], subject: Sequence[Part], light: Light) -> list[Part]:
    """The parts around a subject, their grounds with the shadows of all others; as they are where no sun shines."""
    if light.sun is None:
        return list(around)
    casters = [part.mesh for part in (*around, *subject) if not part.is_ground and _is_low(part.mesh)]
    return [shadowed_ground(part, casters, light) if part.is_ground else part for part in around]


def _is_low(mesh: pyvista.PolyData) -> bool:
    """Whether it is something that stands on the apron, and not its sky or far hills."""
    x0, x1, y0, y1, z0, z1 = mesh.bounds
    return bool(max(x1 - x0, y1 - y0) < 2 * REACH_M and z1 < REACH_M and z1 > 0.0)


class SunBlocker:
    """Meshes in map that may stand before the sun."""

    def __init__(self, casters: Sequence[pyvista.PolyData], sun: Sun) -> None:
        self._sun = sun
        self._locator = vtkStaticCellLocator()
        bare = [pyvista.PolyData(mesh.points, mesh.faces) for mesh in casters]
        self._mesh = bare[0].append_polydata(*bare[1:]).triangulate()
        self._locator.SetDataSet(self._mesh)
        self._locator.BuildLocator()

    def shaded(self, mesh: pyvista.PolyData) -> np.ndarray:
        """Which vertices (N,) of a mesh the sun does not reach."""
        starts = mesh.points + STEP_OFF_M * mesh.point_data["Normals"]
        ends = starts + REACH_M * self._sun.direction
        share, part = mutable(0.0), mutable(0)
        place, parameters = [0.0] * 3, [0.0] * 3
        hits = [
            self._locator.IntersectWithLine(start, end, 1e-6, share, place, parameters, part)  # type: ignore[call-overload]
            for start, end in zip(starts.tolist(), ends.tolist())
        ]
        return np.array(hits, bool)

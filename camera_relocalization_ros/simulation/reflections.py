# SPDX-License-Identifier: BSD-3-Clause
"""What glossy surfaces mirror: the hall around them and the lamps' highlights, anew from every place one looks from."""

from __future__ import annotations

from typing import Callable

import cv2
import numpy as np
import pyvista

from camera_relocalization_ros.simulation.surface import Gloss, Light

SIDE = 96
# a face's centre, and what is right and down in it
AXES = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)


class Surroundings:
    """Six pictures of all directions from one place, as colours (6, SIDE, SIDE, 3) from 0 to 1."""

    def __init__(self, picture: Callable[[np.ndarray], np.ndarray]) -> None:
        """picture: the square view of 90 degrees of a camera's rotation R_map_camera (3, 3), any size."""
        self._R_map_face = np.array([_looking(axis) for axis in AXES])
        faces = [cv2.resize(picture(R), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for R in self._R_map_face]
        self._faces = np.array(faces, np.float32) / 255

    def seen(self, directions: np.ndarray) -> np.ndarray:
        """Colours (N, 3) in directions (N, 3), of any length."""
        face = np.argmax(directions @ AXES.T, axis=1)
        local = np.einsum("nij,ni->nj", self._R_map_face[face], directions)
        pixels = (local[:, :2] / np.maximum(local[:, 2:], 1e-9) + 1) * 0.5 * SIDE
        column, row = np.clip(pixels.astype(int), 0, SIDE - 1).T
        colours: np.ndarray = self._faces[face, row, column]
        return colours


class Reflection:
    """The light that a mesh in map mirrors, to be laid over its paint."""

    def __init__(self, mesh: pyvista.PolyData, gloss: Gloss, light: Light, surroundings: Surroundings) -> None:
        self._gloss, self._surroundings = gloss, surroundings
        self._points = np.asarray(mesh.points, np.float64)
        self._normals = np.asarray(mesh.point_data["Normals"], np.float64)
        self._lamps = [(_unit(lamp.position - self._points), 1.6 * lamp.colour) for lamp in light.lamps]
        if light.sun is not None:
            self._lamps.append((light.sun.direction[None], 2.0 * light.sun.colour))

    def colours(self, eye: np.ndarray) -> np.ndarray:
        """Colours and opacities (N, 4) uint8 as seen from a point (3,)."""
        towards = _unit(eye - self._points)
        cosine = np.sum(self._normals * towards, axis=1, keepdims=True)
        mirrored = 2 * cosine * self._normals - towards
        share = self._gloss.reflectance
        # Schlick 1994, eq. 24
        fresnel = share + (1 - share) * (1 - np.clip(cosine, 0, 1)) ** 5
        highlight = np.zeros_like(mirrored)
        for direction, colour in self._lamps:
            lobe = np.maximum(np.sum(mirrored * direction, axis=1, keepdims=True), 0) ** self._gloss.sharpness
            highlight += lobe * colour
        opacity = np.clip(fresnel + highlight.max(axis=1, keepdims=True), 1e-3, 1)
        colour = (fresnel * self._surroundings.seen(mirrored) + highlight) / opacity
        return np.round(255 * np.clip(np.hstack([colour, opacity]), 0, 1)).astype(np.uint8)


def _looking(forward: np.ndarray) -> np.ndarray:
    """A rotation (3, 3) whose z axis looks forward."""
    right = np.roll(forward, 1)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

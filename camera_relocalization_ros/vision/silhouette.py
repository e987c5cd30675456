# SPDX-License-Identifier: BSD-3-Clause
"""Where an object of known shape lies in an image: its triangle mesh, projected with the frame's pose."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import invert, transform_points

# what is nearer to the camera than this is cut off: it would project to infinity
NEAR_M = 0.05
# an edge is drawn where the surface bends by more
BEND_DEG, DETAIL = 20.0, 1 / 30
# corners are rounded to an eighth of a pixel
SUBPIXEL_BITS = 3


@dataclass(frozen=True)
class ObjectMesh:
    """Triangles (F, 3, 3) of the object in the parent frame, metres; their order and winding do not matter."""

    triangles: np.ndarray

    @classmethod
    def of_box(cls, box: np.ndarray) -> ObjectMesh:
        """The twelve triangles of a box (2, 3) along the axes: its least and greatest corner."""
        corners = np.array(list(product(*np.transpose(box))))
        # the bits of a corner's number say on which side it is
        numbers = [
            (side | first, side | a, side | b)
            for fixed, a, b in ((1, 2, 4), (2, 1, 4), (4, 1, 2))
            for side in (0, fixed)
            for first in (0, a | b)
        ]
        return cls(corners[np.array(numbers)])

    def edges(self) -> np.ndarray:
        """Where the surface bends by more than BEND_DEG, ends or meets more than one other: segments (E, 2, 3).

        Details smaller than DETAIL of the longest side are merged first: what is round gets a few lines, not thousands.
        """
        corners, faces = self._merged()
        sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        segments, side_of, counts = np.unique(sides, axis=0, return_inverse=True, return_counts=True)
        a, b, c = np.moveaxis(corners[faces], 1, 0)
        normals = np.cross(b - a, c - a).repeat(3, axis=0)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        # the sum of n n' does not know the winding: its second eigenvalue is 2 sin^2 of half the bend
        moments = np.zeros((len(segments), 3, 3))
        np.add.at(moments, side_of.ravel(), normals[:, :, None] * normals[:, None, :])
        bends = np.linalg.eigvalsh(moments)[:, 1] > 2 * np.sin(np.radians(BEND_DEG) / 2) ** 2
        outline: np.ndarray = corners[segments[bends | (counts != 2)]]
        return outline

    def _merged(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners (C, 3) and faces (F, 3) after the corners in each cell of a grid became one, their mean."""
        points = self.triangles.reshape(-1, 3)
        cell = DETAIL * float(np.ptp(points, axis=0).max())
        _, numbers = np.unique(np.round((points - points.min(axis=0)) / cell), axis=0, return_inverse=True)
        numbers = numbers.ravel()
        count = np.bincount(numbers)
        corners = np.stack([np.bincount(numbers, axis) / count for axis in points.T], axis=1)
        faces = np.unique(np.sort(numbers.reshape(-1, 3), axis=1), axis=0)
        return corners, faces[(np.diff(faces, axis=1) > 0).all(axis=1)]

    def silhouette(self, camera: CameraIntrinsics, T_parent_camera: np.ndarray, margin_px: int = 0) -> np.ndarray:
        """Mask (H, W) uint8: 255 where the object may be seen, widened by `margin_px`; else 0.

        What hides the object is not known and counts as the object. Distortion is neglected, but a fisheye's, as in
        virtual rotations.
        """
        corners = transform_points(invert(T_parent_camera), self.triangles.reshape(-1, 3)).reshape(-1, 3, 3)
        nearest, furthest = corners[..., 2].min(axis=1), corners[..., 2].max(axis=1)
        polygons = list(_pixels(corners[nearest >= NEAR_M], camera))
        polygons += [_pixels(_in_front(c), camera) for c in corners[(nearest < NEAR_M) & (furthest >= NEAR_M)]]
        mask = np.zeros((camera.height, camera.width), np.uint8)
        for polygon in polygons:
            cv2.fillConvexPoly(mask, polygon, 255, shift=SUBPIXEL_BITS)
        if margin_px:
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin_px + 1, 2 * margin_px + 1))
            mask = cv2.dilate(mask, disc)
        return mask


def _pixels(corners: np.ndarray, camera: CameraIntrinsics) -> np.ndarray:
    """Fixed-point pixels (..., 2) int32 of points (..., 3) in front of the camera."""
    if camera.is_fisheye:
        seen = camera.project(corners.reshape(-1, 3)).reshape(*corners.shape[:-1], 2)
        fixed: np.ndarray = np.round(seen * (1 << SUBPIXEL_BITS)).astype(np.int32)
        return fixed
    x = camera.fx * corners[..., 0] / corners[..., 2] + camera.cx
    y = camera.fy * corners[..., 1] / corners[..., 2] + camera.cy
    pixels: np.ndarray = np.round(np.stack([x, y], axis=-1) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    return pixels


def _in_front(triangle: np.ndarray) -> np.ndarray:
    """The part of a triangle (3, 3) beyond the near plane: a convex polygon (3 or 4, 3) (Sutherland & Hodgman 1974)."""
    polygon = []
    for start, end in zip(triangle, np.roll(triangle, -1, axis=0)):
        if start[2] >= NEAR_M:
            polygon.append(start)
        if (start[2] >= NEAR_M) != (end[2] >= NEAR_M):
            polygon.append(start + (NEAR_M - start[2]) / (end[2] - start[2]) * (end - start))
    return np.array(polygon)

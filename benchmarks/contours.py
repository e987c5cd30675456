#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Poses by the contours of a known mesh, at placements that the map does not know, beside those by landmarks.

    python benchmarks/contours.py DATASET --mesh MESH.ply [--every 5] [--above -0.14] [--noise 0.01] [--scale 1.01]

An experiment, no part of the package: numpy and OpenCV alone, as in flight. Landmarks are searched as by
benchmarks/left_out_placements.py. Edges that outline the mesh, or bend it by more than 20 degrees, and that it does
not hide, are looked for in the image: first around the pose by landmarks, then, where that has no convincing outline,
around the prior, half a metre and 11 degrees off (root mean square). Poses are sampled, all small pans and tilts of
each are tried, and those whose edges fit best are aligned by Gauss-Newton with robust weights, coarse to fine.

The second sign is how many points of the outline lie at an edge of their direction, in orders of magnitude against
chance, which moved outlines of the same image measure. A pose is accepted where that is a tenth above the highest of
all wrong poses (25 cm, 10 degrees) at the other placements, and no other pose of the search comes near it.
Covariances are fitted to errors of accepted poses at other placements, too.

--above leaves out what lies lower, such as a stand, of which no model tells; --noise (root mean square, metres, smooth
over half a metre) and --scale make the mesh a model that is not exact.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Tuple

import cv2
import numpy as np
from left_out_placements import Trial, deviation_without, published, share, trials_of, with_covariances
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.error_calibration import landmark_covariance
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.chi_square import chi_square_quantile, squared_distance
from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.mesh_files import load_mesh
from camera_relocalization_ros.localization.classify import OkContract
from camera_relocalization_ros.localization.landmarks.gate import GateSettings
from camera_relocalization_ros.localization.refinement import Refinement, nothing_found

# corners within a cell are one; edges are cut into pieces; points of the surface hide what is behind them
CELL_M, PIECE_M, SURFACE_M = 0.003, 0.02, 0.02
CREASE_RAD = math.radians(20)
# of the depth buffer: its size, how far beside an edge it is looked at, and how far behind it an edge may lie
BUFFER_SCALE, BESIDE_PX, BEHIND_M = 0.25, 6.0, 0.04
# grey levels a pixel of a smoothed image that make an edge; of its direction, the largest tangent of the angle to it
LEAST_GRADIENT, MOST_TANGENT = 1.0, 0.5
LEAST_POINTS, MOST_POINTS = 20, 500
# pyramid level, pixels searched to each side, and beyond how many a point no longer counts
COARSE = ((2, 16.0, 12.0), (1, 10.0, 7.5), (1, 6.0, 6.0))
FINE = ((1, 8.0, 6.0), (0, 5.0, 3.75), (0, 3.0, 3.0))
GAUSS_NEWTON_STEPS = 4
# in metres and radians, against a pixel of every point: what keeps a step from running off
STEP_SD = np.repeat([0.3, 0.15], 3)
# of the search: directions of edges, pixels of its small image that an edge reaches, pan and tilt in such pixels
DIRECTIONS, SEARCH_LEVEL, EDGE_REACH, PAN, PAN_STEP = 8, 2, 1.5, 14, 2
SAMPLED_POINTS, ALIGNED, REFINED = 160, 4, 2
# metres and radians of a coordinate, places and poses at each: around a pose by landmarks, around the prior
Region = Tuple[float, float, int, int]
NEAR, BESIDE, AROUND = (0.06, 0.03, 6, 8), (0.12, 0.05, 12, 8), (0.3, 0.115, 60, 5)
# orders of magnitude that end the search
CONVINCING = 40.0
# of the second sign: the share of points at their edges and the deviation, bins of distances, and moved outlines
AT_EDGE, EDGE_SD_PX, EDGE_PX, MOVED = 0.75, 1.2, np.arange(5.0), 16
ABOVE_WRONG = 1.1
# metres and degrees
WRONG = (0.25, 10.0)
# another pose so far away, metres and radians together, with such a share of the evidence: it may be either
APART, RIVAL = 0.07, 0.85


@dataclass(frozen=True)
class Outline:
    """What should be seen of a mesh: points (n, 3) in the optical frame, and normals (n, 2) of their edges on z = 1."""

    points: np.ndarray
    normals: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: np.ndarray) -> Outline:
        return Outline(self.points[rows], self.normals[rows])

    def moved(self, R: np.ndarray, t: np.ndarray) -> Outline:
        """After a motion of the object: as if the same of it were seen."""
        points = self.points @ R.T + t
        planes = np.column_stack([self.normals, -np.sum(self.normals * on_plane(self.points), axis=1)]) @ R.T
        seen = points[:, 2] > 0.1
        normals = planes[seen, :2]
        return Outline(points[seen], normals / np.linalg.norm(normals, axis=1, keepdims=True))

    def in_image(self, camera: CameraIntrinsics) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels (n, 2), unit normals (n, 2) of edges there, and how many pixels along them are 1 on z = 1."""
        step = 1e-4
        rays = on_plane(self.points)
        tangents = np.column_stack([-self.normals[:, 1], self.normals[:, 0]])
        moved = np.concatenate([rays, rays + step * tangents, rays + step * self.normals])
        at, along, across = projected(camera, np.column_stack([moved, np.ones(len(moved))])).reshape(3, -1, 2)
        normals = np.column_stack([(along - at)[:, 1], -(along - at)[:, 0]])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        pixels = np.sum((across - at) * normals, axis=1) / step
        return at, normals * np.where(pixels < 0, -1, 1)[:, None], np.abs(pixels)

    def jacobian(self, pixels: np.ndarray) -> np.ndarray:
        """(n, 6): by how many pixels each moves along its normal, for a shift and a turn in the optical frame."""
        gradient = self.normals * (pixels / self.points[:, 2])[:, None]
        in_space = np.column_stack([gradient, -np.sum(gradient * on_plane(self.points), axis=1)])
        return np.column_stack([in_space, np.cross(self.points, in_space)])


class MeshEdges:
    """Pieces of a mesh's edges, with the planes of the two faces beside each."""

    def __init__(self, triangles: np.ndarray) -> None:
        corners, faces = merged(triangles)
        sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]], axis=2).reshape(-1, 2)
        opposite = corners[faces[:, [2, 0, 1]].ravel()]
        order = np.lexsort(sides.T)
        sides, opposite = sides[order], opposite[order]
        first = np.flatnonzero(np.r_[True, np.any(np.diff(sides, axis=0), axis=1)])
        count = np.diff(np.r_[first, len(sides)])
        start, along = corners[sides[first, 0]], corners[sides[first, 1]] - corners[sides[first, 0]]
        # two faces of a smooth surface have like normals, however their corners are ordered
        one = unit(np.cross(along, opposite[first] - start))
        other = unit(-np.cross(along, opposite[first + (count > 1)] - start))
        other[count == 1] = -one[count == 1]
        is_sharp = (count != 2) | (np.sum(one * other, axis=1) < math.cos(CREASE_RAD))
        pieces = np.maximum(np.ceil(np.linalg.norm(along, axis=1) / PIECE_M).astype(int), 1)
        edge = np.repeat(np.arange(len(pieces)), pieces)
        fraction = (np.arange(len(edge)) - (np.cumsum(pieces) - pieces)[edge] + 0.5) / pieces[edge]
        self._points = (start[edge] + along[edge] * fraction[:, None]).astype(np.float32)
        self._directions = unit(along)[edge].astype(np.float32)
        self._normals = np.stack([one[edge], other[edge]]).astype(np.float32)
        self._offsets = np.sum(self._normals * self._points, axis=2)
        self._is_sharp = is_sharp[edge]
        self._surface = points_on(corners[faces]).astype(np.float32)

    def outline(self, T_camera_object: np.ndarray, camera: CameraIntrinsics, cell_px: float) -> Outline:
        """Edges that outline the mesh or bend it, are not hidden and in the image; one of each cell and direction."""
        R, t = T_camera_object[:3, :3].astype(np.float32), T_camera_object[:3, 3].astype(np.float32)
        side = self._normals @ (-R.T @ t) < self._offsets
        shown = np.flatnonzero((side[0] != side[1]) | self._is_sharp)
        points = self._points[shown] @ R.T + t
        pixels = projected(camera, points)
        with np.errstate(invalid="ignore"):
            inside = np.all((pixels > 2) & (pixels < (camera.width - 3, camera.height - 3)), axis=1)
        shown, points, pixels = shown[inside], points[inside].astype(np.float64), pixels[inside]
        rays = on_plane(points)
        directions = self._directions[shown] @ R.T
        lines = directions[:, :2] - rays * directions[:, 2:]
        normals = np.column_stack([-lines[:, 1], lines[:, 0]])
        # a round surface's edges zigzag, its normal does not; an edge seen from its end has no direction
        is_sharp, length = self._is_sharp[shown], np.linalg.norm(lines, axis=1)
        round_normals = self._normals[:, shown].sum(axis=0) @ R.T
        normals = np.where(is_sharp[:, None], normals, round_normals[:, :2])
        size = np.linalg.norm(normals, axis=1)
        clear = (size > 1e-6) & (~is_sharp | (length > 0.05))
        points, pixels, normals = points[clear], pixels[clear], normals[clear] / size[clear, None]
        # what outlines a thing has it on one side alone: hidden is what has something nearer on both
        sides = np.stack([pixels + way * BESIDE_PX * normals for way in (1, -1)])
        seen = points[:, 2] < self._depth(sides.reshape(-1, 2), R, t, camera).reshape(2, -1).max(axis=0) + BEHIND_M
        points, pixels, normals = points[seen], pixels[seen], normals[seen]
        eighth = np.floor(direction(normals) / (np.pi / 4)).astype(int)
        cells = np.column_stack([np.floor(pixels / cell_px).astype(int), eighth])
        _, kept = np.unique(cells @ [1, 100_000, 10_000_000_000], return_index=True)
        return Outline(points[kept], normals[kept])

    def _depth(self, pixels: np.ndarray, R: np.ndarray, t: np.ndarray, camera: CameraIntrinsics) -> np.ndarray:
        """(n,) of the mesh's surface at pixels (n, 2), infinite beside it."""
        width, height = int(camera.width * BUFFER_SCALE) + 1, int(camera.height * BUFFER_SCALE) + 1
        surface = self._surface @ R.T + t
        places = projected(camera, surface) * BUFFER_SCALE
        with np.errstate(invalid="ignore"):
            seen = np.all((places > -0.5) & (places < (width - 0.5, height - 0.5)), axis=1)
        surface, places = surface[seen], np.round(places[seen]).astype(int)
        # where several are written the last stays: the nearest
        far_first = np.argsort(-surface[:, 2])
        buffer = np.full((height, width), np.inf, np.float32)
        buffer[places[far_first, 1], places[far_first, 0]] = surface[far_first, 2]
        buffer = cv2.erode(buffer, np.ones((2, 2), np.uint8))
        columns, rows = np.round(pixels * BUFFER_SCALE).astype(int).T
        depth: np.ndarray = buffer[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
        return depth


class Edges:
    """The gradients of a grey image at three scales, each half of the one before."""

    def __init__(self, grey: np.ndarray) -> None:
        self.levels = []
        image = grey.astype(np.float32)
        for level in range(SEARCH_LEVEL + 1):
            image = cv2.pyrDown(image) if level else image
            smooth = cv2.GaussianBlur(image, (0, 0), 1.0)
            self.levels.append([cv2.Sobel(smooth, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))])

    def beside(self, pixels: np.ndarray, normals: np.ndarray, level: int, reach: float, tangent: float) -> np.ndarray:
        """Offsets (n, k) along normals (n, 2) of all edges within a reach that lie across them; else NaN."""
        size = 2.0**level
        step = 0.5 * size
        offsets = np.arange(-reach - step, reach + 1.5 * step, step)
        places = ((pixels[:, None] + offsets[:, None] * normals[:, None]) / size).astype(np.float32)
        dx, dy = (
            cv2.remap(d, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            for d in self.levels[level]
        )
        normals = normals.astype(np.float32)
        along = np.abs(dx * normals[:, :1] + dy * normals[:, 1:])
        across = np.abs(dy * normals[:, :1] - dx * normals[:, 1:])
        before, here, after = along[:, :-2], along[:, 1:-1], along[:, 2:]
        peak = (here >= before) & (here > after) & (here > LEAST_GRADIENT) & (across[:, 1:-1] < tangent * here)
        bend = np.where(peak, before - 2 * here + after, -1.0)
        # the top of the parabola through three values
        top = np.clip(0.5 * (before - after) / np.minimum(bend, -1e-9), -0.5, 0.5) * step
        found: np.ndarray = np.where(peak, offsets[1:-1] + top, np.nan)
        return found

    def near_edges(self) -> np.ndarray:
        """(DIRECTIONS, h, w) of the smallest image: 1 at edges of a direction, less beside them, less the mean."""
        dx, dy = self.levels[SEARCH_LEVEL]
        fixed = [(d * 64).astype(np.int16) for d in (dx, dy)]
        edges = cv2.Canny(*fixed, 64 * LEAST_GRADIENT, 160 * LEAST_GRADIENT, L2gradient=True) > 0
        angles = np.arctan2(dy, dx) % np.pi
        near = []
        for middle in (np.arange(DIRECTIONS) + 0.5) * np.pi / DIRECTIONS:
            off = np.abs(angles - middle)
            like = edges & (np.minimum(off, np.pi - off) < 1.1 * np.pi / DIRECTIONS)
            distance = cv2.distanceTransform((~like).astype(np.uint8), cv2.DIST_L2, 3)
            near.append(np.exp(-0.5 * np.square(distance / EDGE_REACH)) if like.any() else np.zeros_like(dx))
        margin = ((0, 0), (PAN + 2, PAN + 2), (PAN + 2, PAN + 2))
        return np.pad(np.stack([one - one.mean() for one in near]).astype(np.float32), margin)


@dataclass(frozen=True)
class Aligned:
    """T_camera_object, the covariance (6, 6) of a shift and a turn in the optical frame, and the points it rests on."""

    T_camera_object: np.ndarray
    covariance: np.ndarray
    count: int


@dataclass(frozen=True)
class ContourPose:
    """What contours make of an image: orders of magnitude against chance, those of the best other pose, seconds."""

    refinement: Refinement
    orders: float
    rival: float
    seconds: float


class ContourLocalizer:
    """Poses of one camera's images by a mesh's edges."""

    def __init__(self, mesh: MeshEdges, camera: CameraIntrinsics) -> None:
        self._mesh, self._camera = mesh, camera

    def find(self, grey: np.ndarray, by_landmarks: Refinement, prior: Pose) -> ContourPose:
        started, generator = time.process_time(), np.random.default_rng(0)
        edges = Edges(grey)
        near = edges.near_edges()
        landmarks = [(by_landmarks.pose, NEAR, by_landmarks.covariance)] if by_landmarks.found else []
        starts = [*landmarks, (prior, AROUND, np.diag(np.repeat(np.square(AROUND[:2]), 3)))]
        tried: list[tuple[float, Aligned]] = []

        def searched(T: np.ndarray, size: Region) -> list[tuple[float, Aligned]]:
            found = self._searched(edges, near, T, size, generator)
            return [
                (orders - sum(against(one, pose, covariance) for pose, _, covariance in starts), one)
                for orders, one in found
            ]

        def best() -> tuple[float, Aligned | None]:
            return max(tried, key=lambda each: each[0], default=(0.0, None))

        sizes = [NEAR]
        for start, size, _ in starts:
            if best()[0] < CONVINCING:
                tried += searched(invert(start.matrix), size)
                sizes = [NEAR] if size is NEAR else [BESIDE, NEAR]
        # a minimum beside the right one has its outline in part, and is near it
        for size in sizes:
            found = best()[1]
            tried += searched(found.T_camera_object, size) if found else []
        if not tried:
            return ContourPose(nothing_found(0), 0.0, 0.0, time.process_time() - started)
        orders, final = best()
        rival = max(
            (o for o, one in tried if difference(one.T_camera_object, final.T_camera_object) > APART), default=0
        )
        return ContourPose(refinement_of(final), orders, rival, time.process_time() - started)

    def _searched(
        self, edges: Edges, near: np.ndarray, T: np.ndarray, size: Region, generator: np.random.Generator
    ) -> list[tuple[float, Aligned]]:
        """The best poses around one, the best first, with orders of magnitude against chance."""
        rough = self._judged(edges, self._sampled(near, T, size, generator), COARSE, MOVED // 4)
        return self._judged(edges, [one.T_camera_object for _, one in rough[:REFINED]], FINE, MOVED)

    def _judged(
        self, edges: Edges, poses: list[np.ndarray], stages: tuple[tuple[int, float, float], ...], moved: int
    ) -> list[tuple[float, Aligned]]:
        """What poses T_camera_object lead to, with orders of magnitude against chance, the best first."""
        aligned = [one for one in (self._aligned(edges, T, stages) for T in poses) if one]
        said = [(self.orders(edges, one.T_camera_object, moved), one) for one in aligned]
        return sorted(said, key=lambda each: -each[0])

    def _sampled(
        self, near: np.ndarray, T: np.ndarray, size: Region, generator: np.random.Generator
    ) -> list[np.ndarray]:
        """T_camera_object of the best fits around one, all different; pan and tilt are tried all over."""
        sd_m, sd_rad, places, of_each = size
        fits = []
        for place in range(places):
            motion = around(T, *(generator.normal(0, sd, 3) * (place > 0) for sd in (sd_m, sd_rad)))
            outline = self._mesh.outline(motion @ T, self._camera, 8.0)
            outline = outline.take(generator.permutation(len(outline))[:SAMPLED_POINTS])
            for number in range(of_each if len(outline) >= LEAST_POINTS else 0):
                # what is seen of it changes little
                own = around(motion @ T, *(generator.normal(0, sd / 3, 3) * (number > 0) for sd in (sd_m, sd_rad)))
                moved = outline.moved(own[:3, :3], own[:3, 3])
                fits += [(fit, turn @ own @ motion @ T) for fit, turn in self._panned(near, moved)]
        chosen: list[np.ndarray] = []
        for _, pose in sorted(fits, key=lambda each: -each[0]):
            if len(chosen) < ALIGNED and all(difference(pose, other) > 0.05 for other in chosen):
                chosen.append(pose)
        return chosen

    def _panned(self, near: np.ndarray, outline: Outline) -> list[tuple[float, np.ndarray]]:
        """How well an outline fits, and the turn (4, 4), of the two best of all pans and tilts."""
        pixels, normals, _ = outline.in_image(self._camera)
        height, width = near.shape[1:]
        columns, rows = np.round(pixels / 2**SEARCH_LEVEL).astype(int).T + PAN + 2
        inside = (columns >= PAN) & (rows >= PAN) & (columns < width - PAN) & (rows < height - PAN)
        bins = np.floor(direction(normals) / (np.pi / DIRECTIONS)).astype(int) % DIRECTIONS
        shifts = np.stack(np.meshgrid(*[np.arange(-PAN, PAN + 1, PAN_STEP)] * 2), axis=-1).reshape(-1, 2)
        places = ((bins * height + rows) * width + columns)[inside]
        found = near.ravel()[places[:, None] + shifts @ [1, width]]
        fit = found.sum(axis=0) / math.sqrt(SAMPLED_POINTS * max(len(outline), 1))
        best = np.argsort(-fit)[:2]
        angles = shifts[best] * 2**SEARCH_LEVEL / [self._camera.fx, self._camera.fy]
        return [(fit[i], rigid([-y, x, 0], np.zeros(3))) for i, (x, y) in zip(best, angles)]

    def _aligned(self, edges: Edges, T: np.ndarray, stages: tuple[tuple[int, float, float], ...]) -> Aligned | None:
        """Gauss-Newton from coarse to fine; None where it loses the outline."""
        aligned = None
        for level, reach, limit in stages:
            outline = self._mesh.outline(T, self._camera, 5.0 if level < 2 else 8.0)
            if len(outline) < LEAST_POINTS:
                return None
            rows = np.linspace(0, len(outline) - 1, min(len(outline), MOST_POINTS)).astype(int)
            outline = outline.take(rows)
            pixels, normals, scale = outline.in_image(self._camera)
            offsets = edges.beside(pixels, normals, level, reach, MOST_TANGENT)
            solved = solve(outline.jacobian(scale), offsets, reach, limit)
            if solved is None or np.linalg.norm(solved[0][:3]) > 1 or np.linalg.norm(solved[0][3:]) > 0.6:
                return None
            motion, covariance, count = solved
            T = rigid(motion[3:], motion[:3]) @ T
            aligned = Aligned(T, covariance, count)
        return aligned

    def orders(self, edges: Edges, T: np.ndarray, moved: int) -> float:
        """Orders of magnitude by which an outline at edges is likelier than one that lies anywhere."""
        outline = self._mesh.outline(T, self._camera, 10.0)
        if len(outline) < LEAST_POINTS:
            return 0.0
        pixels, normals, _ = outline.in_image(self._camera)
        generator, size = np.random.default_rng(0), (self._camera.width - 3, self._camera.height - 3)
        by_chance = []
        for turn, way in zip(generator.normal(0, 0.15, moved), generator.uniform(0, 2 * np.pi, moved)):
            R = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
            shift = generator.uniform(12, 60) * np.array([math.cos(way), math.sin(way)])
            places = (pixels - pixels.mean(axis=0)) @ R.T + pixels.mean(axis=0) + shift
            inside = np.all((places > 2) & (places < size), axis=1)
            if inside.sum() >= LEAST_POINTS:
                by_chance.append(from_edges(edges, places[inside], normals[inside] @ R.T))
        return orders_of(from_edges(edges, pixels, normals), np.concatenate(by_chance)) if by_chance else 0.0


def solve(
    jacobian: np.ndarray, offsets: np.ndarray, reach: float, limit: float
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """A shift and a turn (6,) to the nearest edges, by Tukey's weights; its covariance and how many points count."""
    motion, prior = np.zeros(6), np.diag(STEP_SD**-2.0)
    for number in range(GAUSS_NEWTON_STEPS):
        off = offsets - (jacobian @ motion)[:, None]
        nearest = np.argmin(np.where(np.isnan(off), np.inf, np.abs(off)), axis=1)
        residuals = off[np.arange(len(off)), nearest]
        ends = limit if number else reach
        counts = np.abs(np.nan_to_num(residuals, nan=np.inf)) < ends
        if counts.sum() < LEAST_POINTS:
            return None
        residuals, rows = residuals[counts], jacobian[counts]
        weights = np.square(1 - np.square(residuals / ends))
        normal = (rows * weights[:, None]).T @ rows + prior
        motion = motion + np.linalg.solve(normal, rows.T @ (weights * residuals) - prior @ motion)
    variance = np.sum(weights * np.square(residuals)) / weights.sum()
    return motion, max(variance, 0.1) * np.linalg.inv(normal), len(residuals)


def from_edges(edges: Edges, pixels: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Pixels (n,) to the nearest edge of a point's direction, infinite where none is within reach."""
    offsets = edges.beside(pixels, normals, 0, EDGE_PX[-1], 0.7 * MOST_TANGENT)
    distances: np.ndarray = np.abs(np.nan_to_num(offsets, nan=np.inf)).min(axis=1)
    return distances


def orders_of(distances: np.ndarray, by_chance: np.ndarray) -> float:
    """log10 of how much likelier distances (n,) are of points mostly at edges than of points by chance."""
    counts = 1.0 + np.histogram(by_chance, EDGE_PX)[0]
    density = counts / np.diff(EDGE_PX) / (len(by_chance) + len(counts) + 1)
    bins = np.minimum(np.searchsorted(EDGE_PX, distances, side="right") - 1, len(density) - 1)
    at_edge = math.sqrt(2 / math.pi) / EDGE_SD_PX * np.exp(-0.5 * np.square(distances / EDGE_SD_PX))
    return float(np.log10(AT_EDGE * at_edge / density[bins] + 1 - AT_EDGE).sum())


def refinement_of(aligned: Aligned) -> Refinement:
    """In the object's axes, with the outline's points as landmarks."""
    T_object_camera = invert(aligned.T_camera_object)
    # a motion of the object in the camera's axes is the opposite one of the camera
    turn = np.kron(np.eye(2), T_object_camera[:3, :3])
    numbers = np.arange(aligned.count)
    pose, covariance = Pose.from_matrix(T_object_camera), turn @ aligned.covariance @ turn.T
    return Refinement(True, pose, covariance, numbers, np.empty((0, 2)), aligned.count, 1.0)


def against(aligned: Aligned, pose: Pose, covariance: np.ndarray) -> float:
    """Orders of magnitude by which another pose, of errors as Student's t has them, speaks against one; as the gate."""
    off, settings = pose_residual(Pose.from_matrix(invert(aligned.T_camera_object)), pose), GateSettings()
    squared = float(off @ np.linalg.solve(covariance, off))
    return min((settings.freedom + 6) / 2 * math.log10(1 + squared / settings.freedom), settings.most_against)


def around(T: np.ndarray, shift: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """A motion (4, 4) of the object in the optical frame: it is looked at from elsewhere, and stays in its place."""
    t = T[:3, 3]
    ray = t / np.linalg.norm(t)
    away = shift @ ray
    looked_from = Rotation.from_rotvec(np.cross(ray, shift - away * ray) / np.linalg.norm(t))
    rolled = Rotation.from_rotvec(turn[2] * ray) * looked_from
    motion = rigid(rolled.as_rotvec(), np.zeros(3))
    motion[:3, 3] = t + away * ray - motion[:3, :3] @ t
    return motion


def rigid(turn: np.ndarray | list[float], shift: np.ndarray) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = Rotation.from_rotvec(turn).as_matrix(), shift
    return T


def difference(T: np.ndarray, other: np.ndarray) -> float:
    """Metres and radians of two poses, together."""
    turn = Rotation.from_matrix(T[:3, :3] @ other[:3, :3].T).magnitude()
    return float(np.linalg.norm(T[:3, 3] - other[:3, 3]) + turn)


def projected(camera: CameraIntrinsics, points: np.ndarray) -> np.ndarray:
    """Pixels (n, 2) of points (n, 3), NaN behind the camera; OpenCV takes ten times as long where nothing is bent."""
    if camera.is_distorted:
        return camera.project(points)
    depth = np.where(points[:, 2:] > 1e-6, points[:, 2:], np.nan)
    focal, centre = (np.array(pair, points.dtype) for pair in ((camera.fx, camera.fy), (camera.cx, camera.cy)))
    pixels: np.ndarray = points[:, :2] / depth * focal + centre
    return pixels


def on_plane(points: np.ndarray) -> np.ndarray:
    rays: np.ndarray = points[:, :2] / points[:, 2:]
    return rays


def unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: np.ndarray = vectors / np.maximum(lengths, 1e-15)
    return units


def direction(normals: np.ndarray) -> np.ndarray:
    """0 to pi."""
    angles: np.ndarray = np.arctan2(normals[:, 1], normals[:, 0]) % np.pi
    return angles


def cells_of(points: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """The first point of each cell of a grid, and the number of each point's cell."""
    cells = np.round((points - points.min(axis=0)) / size).astype(np.int64)
    _, first, number = np.unique(cells @ [1, 1 << 20, 1 << 40], return_index=True, return_inverse=True)
    return first, number.ravel()


def merged(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (c, 3) and faces (f, 3) after those in each cell became one, their mean."""
    points = triangles.reshape(-1, 3)
    _, number = cells_of(points, CELL_M)
    corners = np.stack([np.bincount(number, axis) for axis in points.T], axis=1) / np.bincount(number)[:, None]
    faces = number.reshape(-1, 3)
    in_order = np.sort(faces, axis=1)
    _, first = np.unique(in_order @ [1, 1 << 20, 1 << 40], return_index=True)
    return corners, faces[first][(np.diff(in_order[first], axis=1) > 0).all(axis=1)]


def points_on(triangles: np.ndarray) -> np.ndarray:
    """Points (n, 3) all over triangles, about SURFACE_M apart."""
    one, other = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    area = 0.5 * np.linalg.norm(np.cross(one, other), axis=1)
    of = np.repeat(np.arange(len(area)), np.maximum(np.ceil(1.5 * area / SURFACE_M**2).astype(int), 1))
    u, v = np.random.default_rng(0).random((2, len(of)))
    u, v = np.where(u + v > 1, (1 - u, 1 - v), (u, v))
    points = triangles[of, 0] + one[of] * u[:, None] + other[of] * v[:, None]
    chosen: np.ndarray = points[cells_of(points, 0.7 * SURFACE_M)[0]]
    return chosen


def inexact(triangles: np.ndarray, above: float, noise_m: float, scale: float) -> np.ndarray:
    """A model of the object that lacks what is lower, has smooth errors, and is of another size."""
    kept = triangles[triangles[..., 2].min(axis=1) > above]
    generator, shifts = np.random.default_rng(1), np.zeros_like(kept)
    waves = 12
    for _ in range(waves):
        wave = unit(generator.normal(size=3)) * 2 * np.pi / 0.5
        # each of three sines has half of the square of its height as its mean square
        height = unit(generator.normal(size=3)) * noise_m * math.sqrt(2 / waves)
        shifts += np.sin(kept @ wave + generator.uniform(0, 2 * np.pi))[..., None] * height
    return scale * (kept + shifts)


def accepted_of(trials: list[Trial], found: list[ContourPose]) -> tuple[np.ndarray, dict[int, float]]:
    """Which poses (n,) have more evidence than any wrong one at the other placements; the limits of each."""
    is_wrong = np.array([not right(t.error, *WRONG) for t in trials])
    orders, rivals = np.array([(f.orders, f.rival) for f in found]).T
    placement = np.array([t.placement for t in trials])
    limits = {p: ABOVE_WRONG * orders[(placement != p) & is_wrong].max(initial=0.0) for p in np.unique(placement)}
    return (orders > [limits[p] for p in placement]) & (rivals < RIVAL * orders), limits


def with_contour_covariances(trials: list[Trial], accepted: np.ndarray) -> list[Trial]:
    """Each with a covariance that was fitted to errors of those accepted at the other placements."""
    usual = [t for t, one in zip(trials, accepted) if one]
    deviations = {placement: deviation_without(placement, usual) for placement in {t.placement for t in trials}}

    def calibrated(found: Refinement, deviation: np.ndarray) -> Refinement:
        if not found.found:
            return found
        return replace(found, covariance=landmark_covariance(found.covariance, len(found.landmarks), deviation))

    return [replace(t, found=calibrated(t.found, deviations[t.placement])) for t in trials]


def promised(trial: Trial) -> tuple[float, float]:
    """Metres and degrees that both errors stay below; OK promises 10 cm and 3 degrees."""
    if not trial.found.found:
        return math.inf, math.inf
    estimate = replace(published(trial, 0.0), covariance=trial.found.covariance, state=State.OK)
    position_m, orientation_rad = OkContract(None).promised(estimate) or (math.inf, math.inf)
    return position_m, math.degrees(orientation_rad)


def sizes(error: np.ndarray) -> tuple[float, float]:
    """Metres and degrees."""
    return float(np.linalg.norm(error[:3])), math.degrees(np.linalg.norm(error[3:]))


def right(error: np.ndarray, most_m: float = 0.1, most_deg: float = 3.0) -> bool:
    error_m, error_deg = sizes(error)
    return error_m < most_m and error_deg < most_deg


def table(by_landmarks: list[Trial], found: list[ContourPose]) -> str:
    """What contours find, beside landmarks, and which of it could be told to be right."""
    trials = [replace(t, found=f.refinement) for t, f in zip(by_landmarks, found)]
    accepted, limits = accepted_of(trials, found)
    trials = with_contour_covariances(trials, accepted)
    orders, seconds = np.array([(f.orders, f.seconds) for f in found]).T
    is_right, was_right = (np.array([right(t.error) for t in each]) for each in (trials, by_landmarks))
    exact, was_exact = (np.array([right(t.error, 0.03, 1.0) for t in each]) for each in (trials, by_landmarks))
    is_wrong, was_wrong = (np.array([not right(t.error, *WRONG) for t in each]) for each in (trials, by_landmarks))
    had_none = np.array([not t.found.found for t in by_landmarks])
    kinds = {"right": was_right, "inexact": ~was_right & ~was_wrong, "wrong": was_wrong & ~had_none, "none": had_none}
    promises = np.array([promised(t) for t in trials])
    ok = accepted & np.all(promises <= (0.1, 3.0), axis=1)
    sure = [t for t, one in zip(trials, accepted) if one]
    inside = [
        squared_distance(np.array([t.error[s] for t in sure]), np.array([t.found.covariance[s, s] for t in sure]))
        <= chi_square_quantile(0.9, 3)
        for s in (slice(0, 3), slice(3, 6))
    ]
    medians = np.median([sizes(t.error) for t in sure], axis=0) * (100, 1)
    promise = np.median(promises[accepted], axis=0) * (100, 1)
    lines = {
        "images": f"{len(trials)}",
        "right (10 cm, 3 deg)": f"{share(is_right)}, by landmarks {share(was_right)}",
        "within 3 cm and 1 deg": f"{share(exact)}, by landmarks {share(was_exact)}",
        "wrong (25 cm, 10 deg)": share(is_wrong),
        **{f"right where landmarks were {kind}": f"{share(is_right[m])} of {m.sum()}" for kind, m in kinds.items()},
        "accepted": f"{share(accepted)}, of these over 10 cm or 3 deg off: {np.sum(accepted & ~is_right)}",
        "accepted and wrong": f"{np.sum(accepted & is_wrong)}",
        "OK": f"{share(ok)}, of these over 10 cm or 3 deg off: {np.sum(ok & ~is_right)}",
        "median of accepted": "{:.1f} cm {:.2f} deg".format(*medians),
        "their median promise": "{:.1f} cm {:.1f} deg".format(*promise),
        "accepted in the 90 % ellipsoid": " / ".join(map(share, inside)),
        "orders of right ones, least and 10 %": "{:.0f} {:.0f}".format(*np.percentile(orders[is_right], [0, 10])),
        "of others, 90 % and most": "{:.0f} {:.0f}".format(*np.percentile(np.append(orders[~is_right], 0), [90, 100])),
        "limits of placements": " ".join(f"{limits[p]:.0f}" for p in sorted(limits)),
        "processor's time": f"{1e3 * np.median(seconds):.0f} ms, 90 %: {1e3 * np.percentile(seconds, 90):.0f} ms",
    }
    return "\n".join(f"{name:<40}{value}" for name, value in lines.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="of an object at four placements or more")
    parser.add_argument("--mesh", type=Path, required=True, help="of the object, in the data set's parent frame")
    parser.add_argument("--every", type=int, default=5, help="one of so many images is searched")
    parser.add_argument("--above", type=float, default=-math.inf, help="triangles that reach lower are left out")
    parser.add_argument("--noise", type=float, default=0.0, help="root mean square of smooth errors, metres")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the model, of the object's")
    arguments = parser.parse_args()
    dataset = Dataset.load(arguments.dataset)
    camera = dataset.typical_camera
    assert camera is not None
    triangles = load_mesh(arguments.mesh).triangles
    mesh = MeshEdges(inexact(triangles, arguments.above, arguments.noise, arguments.scale))
    localizer = ContourLocalizer(mesh, camera)
    trials = trials_of(dataset, arguments.every)
    found = []
    for trial in with_covariances(trials):
        grey = cv2.cvtColor(load_image_rgb(trial.frame.image_path), cv2.COLOR_RGB2GRAY)
        found.append(localizer.find(grey, trial.found, trial.prior))
    print(table(trials, found))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""Where the camera was, in cells of space, and which cells between the places flown are empty; no images, no time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import length_unit
from camera_relocalization_ros.data.doctor.axes import up_axis
from camera_relocalization_ros.data.doctor.finding import LOOK, OK, Finding

AZIMUTH_STEP_DEG = 30.0
STEPS_M = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
# at most this many steps along a length; fewer around an object, where azimuth multiplies them
MAX_STEPS, MAX_STEPS_AROUND = 8, 6
# a camera whose optical axis passes the origin within this angle looks at the object there
LOOKS_AT_RAD = np.radians(35.0)
# a cell is worth a flight when this share of it lies between places that were flown
MIN_BETWEEN = 0.3
# a cell with less than this share of the typical count is thin
THIN = 0.1
MAX_EMPTY, MAX_SUGGESTIONS = 0.1, 5
# structure from motion and a map take some tens of images, and so do landmarks that bring poses to centimetres
FEW_IMAGES = 30
# positions whose thinnest extent is below this share of their widest lie in a plane
FLAT = 0.05
SIDES = ("in front", "front left", "left", "rear left", "behind", "rear right", "right", "front right")


@dataclass(frozen=True)
class Suggestion:
    """A place to fly next: words, position (3,) in the parent frame, and images taken there so far."""

    sentence: str
    position: np.ndarray
    count: int


@dataclass(frozen=True)
class Coverage:
    """Images per cell. Around an object the cells are azimuth (deg), horizontal distance and height; else x, y, z.

    edges: three ascending arrays; counts and is_reachable: one value per cell (A, B, C).
    """

    is_around_object: bool
    edges: tuple[np.ndarray, np.ndarray, np.ndarray]
    counts: np.ndarray
    is_reachable: np.ndarray
    is_flat: bool
    suggestions: tuple[Suggestion, ...]

    @property
    def empty_share(self) -> float:
        """Share of the reachable cells without an image; 0 when there are none."""
        reachable = int(self.is_reachable.sum())
        return float((self.counts[self.is_reachable] == 0).sum()) / reachable if reachable else 0.0


def looks_at_origin(poses: Poses) -> bool:
    """Whether most cameras have the parent's origin before them, as in flights around an object."""
    axes = poses.rotations.apply([0.0, 0.0, 1.0])
    distance = np.maximum(np.linalg.norm(poses.positions, axis=1), 1e-9)
    cosines = -np.sum(axes * poses.positions, axis=1) / distance
    return float(np.mean(cosines > np.cos(LOOKS_AT_RAD))) > 0.5


def measure_coverage(poses: Poses, is_metric: bool = True) -> Coverage:
    """Cells, counts and suggestions of the poses of optical frames in the parent, in metres or units of a scene."""
    # sides have names only where +x is in front and +z is up
    positions = poses.positions
    is_around = looks_at_origin(poses) and up_axis(poses.quats_xyzw) in ("+z", "")
    coordinates = to_cylinder(positions) if is_around else positions
    azimuths = [np.arange(-180.0, 181.0, AZIMUTH_STEP_DEG)] if is_around else []
    lengths = coordinates.T[len(azimuths) :]
    step = _step(float(np.ptp(lengths, axis=1).max()), MAX_STEPS_AROUND if is_around else MAX_STEPS)
    edges = tuple(azimuths + [_edges(column, step) for column in lengths])
    counts = np.histogramdd(coordinates, bins=edges)[0].astype(int)
    is_flat = _is_flat(positions)
    shape = counts.shape
    inside, centres = np.zeros(shape, bool), np.zeros(shape + (3,))
    if not is_flat:
        inside, centres = _between(positions, edges, is_around)
    inside |= counts > 0
    chosen = _emptiest(positions, counts, inside, centres)
    suggestions = tuple(
        Suggestion(
            f"{_words(edges, cell, is_around, length_unit(is_metric))}: {counts[cell]} of {len(positions)} images",
            centres[cell],
            int(counts[cell]),
        )
        for cell in chosen
    )
    return Coverage(is_around, edges, counts, inside, is_flat, suggestions)


def check_coverage(coverage: Coverage) -> Finding:
    """Never BAD: what is missing depends on where the camera is to fly later."""
    empty = int((coverage.counts[coverage.is_reachable] == 0).sum())
    reachable = int(coverage.is_reachable.sum())
    values = {
        "around_object": coverage.is_around_object,
        "reachable_cells": reachable,
        "empty_cells": empty,
        "unseen_sides": unseen_sides(coverage),
        "suggestions": [suggestion.sentence for suggestion in coverage.suggestions],
    }
    images = int(coverage.counts.sum())
    few = f"{images} images are few: take {FEW_IMAGES} or more, from different places; " if images < FEW_IMAGES else ""
    if coverage.is_flat:
        sentence = "all positions lie in one plane or line; vary height and distance, or it learns nothing about them"
        return Finding("coverage", LOOK, few + sentence, values)
    share = f"{few}{empty} of the {reachable} places within the flown space hold no image"
    unseen = unseen_sides(coverage)
    if unseen:
        share += f"; never seen from: {', '.join(unseen)}"
    if coverage.empty_share > MAX_EMPTY:
        return Finding("coverage", LOOK, f"{share}; fly next where the list below says", values)
    return Finding("coverage", LOOK if few else OK, share, values)


def unseen_sides(coverage: Coverage) -> list[str]:
    """The sides of the object from which there is no image; none where cameras are not around one."""
    if not coverage.is_around_object:
        return []
    seen = coverage.counts.sum(axis=(1, 2)) > 0
    middles = (coverage.edges[0][:-1] + coverage.edges[0][1:]) / 2
    seen_sides = {_side(middle) for middle in middles[seen]}
    return [side for side in SIDES if side not in seen_sides]


def to_cylinder(positions: np.ndarray) -> np.ndarray:
    """Azimuth (degrees, 0 in front at +x, 90 left at +y), horizontal distance and height (..., 3) of positions."""
    x, y, z = np.moveaxis(np.asarray(positions), -1, 0)
    return np.stack([np.degrees(np.arctan2(y, x)), np.hypot(x, y), z], axis=-1)


def from_cylinder(coordinates: np.ndarray) -> np.ndarray:
    """The inverse of `to_cylinder`."""
    azimuth, distance, z = np.moveaxis(np.asarray(coordinates), -1, 0)
    return np.stack([distance * np.cos(np.radians(azimuth)), distance * np.sin(np.radians(azimuth)), z], axis=-1)


def _step(extent: float, max_steps: int) -> float:
    """A round length that divides an extent into few parts."""
    return next((step for step in STEPS_M if extent <= step * max_steps), extent / max_steps)


def _edges(values: np.ndarray, step: float) -> np.ndarray:
    first, last = int(np.floor(values.min() / step)), int(np.floor(values.max() / step)) + 1
    return np.arange(first, last + 1) * step


def _is_flat(positions: np.ndarray) -> bool:
    if len(positions) < 5 or not np.any(np.ptp(positions, axis=0)):
        return True
    spread = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)
    return bool(spread[-1] <= FLAT * spread[0])


def _between(positions: np.ndarray, edges: tuple, is_around: bool) -> tuple[np.ndarray, np.ndarray]:
    """Which cells (A, B, C) lie largely between places flown, and the middle (A, B, C, 3) of what does of each."""
    middle = positions.mean(axis=0)  # far from zero, as in UTM, planes would be off by more than their tolerance
    planes = ConvexHull(positions - middle).equations
    shape = tuple(len(e) - 1 for e in edges)
    samples = np.stack(np.meshgrid(*map(_samples, edges), indexing="ij"), axis=-1)
    samples = samples.reshape(shape[0], 3, shape[1], 3, shape[2], 3, 3)
    samples = samples.transpose(0, 2, 4, 1, 3, 5, 6).reshape(shape + (27, 3))
    points = from_cylinder(samples) if is_around else samples
    inside = np.all((points - middle) @ planes[:, :3].T + planes[:, 3] <= 1e-9, axis=-1)  # (A, B, C, 27)
    if is_around:  # what is nearer than anybody flew may be the object itself
        inside &= samples[..., 1] >= np.linalg.norm(positions[:, :2], axis=1).min()
    weights = inside[..., None] / np.maximum(inside.sum(axis=-1), 1)[..., None, None]
    return inside.mean(axis=-1) >= MIN_BETWEEN, (points * weights).sum(axis=-2)


def _samples(edges: np.ndarray) -> np.ndarray:
    """Three values within each of K cells, (3K,)."""
    return (edges[:-1, None] + np.diff(edges)[:, None] * np.array([1.0, 3.0, 5.0]) / 6.0).ravel()


def _emptiest(positions: np.ndarray, counts: np.ndarray, inside: np.ndarray, centres: np.ndarray) -> list[tuple]:
    """Cells with fewest images first; among those, far from what was flown and from what was chosen already."""
    typical = float(np.median(counts[inside & (counts > 0)])) if np.any(inside & (counts > 0)) else 0.0
    cells = [tuple(cell) for cell in np.argwhere(inside & (counts <= THIN * typical) & centres.any(axis=-1))]
    chosen: list[tuple] = []
    places = positions
    while cells and len(chosen) < MAX_SUGGESTIONS:
        distance = cKDTree(places).query([centres[cell] for cell in cells])[0]
        best = np.lexsort((-distance, [counts[cell] for cell in cells]))[0]
        chosen.append(cells.pop(int(best)))
        places = np.vstack([places, centres[chosen[-1]]])
    return chosen


def _side(azimuth_deg: float) -> str:
    return SIDES[int(np.round(azimuth_deg / 45.0)) % len(SIDES)]


def _words(edges: tuple, cell: tuple, is_around: bool, unit: str) -> str:
    (a0, a1), (b0, b1), (c0, c1) = ((e[k], e[k + 1]) for e, k in zip(edges, cell))
    if not is_around:
        return f"x {a0:.4g} to {a1:.4g} {unit}, y {b0:.4g} to {b1:.4g} {unit}, z {c0:.4g} to {c1:.4g} {unit}"
    side = _side((a0 + a1) / 2)
    place = "behind the object" if side == "behind" else f"{side} of the object"
    azimuth = f"azimuth {a0:.0f} to {a1:.0f} deg"
    return f"{place} ({azimuth}), {b0:.4g} to {b1:.4g} {unit} away, z {c0:.4g} to {c1:.4g} {unit}"

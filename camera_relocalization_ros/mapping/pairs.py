# SPDX-License-Identifier: BSD-3-Clause
"""Which images to match with which: those that see the same place from a little apart, judged by their poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# of two images, the angle under which what the one looks at sees them; from less, depth is uncertain
LEAST_PARALLAX, BEST_PARALLAX = np.radians([1.5, 6.0])
# optical axes further from what the other looks at share too little of the image; SIFT bears little more zoom
MOST_TURN, MOST_ZOOM = np.radians(35.0), np.log(1.6)


@dataclass(frozen=True)
class Partners:
    """Which images suit as partners of one: under at most such a parallax in radians; of those that follow one another
    closer than `spacing` one is taken.
    """

    most_parallax: float = float(np.radians(25.0))
    spacing: int = 4


# images of a recording, of which there are many; and photographs taken one by one: what little there is has to do
OF_RECORDING, OF_PHOTOGRAPHS = Partners(), Partners(most_parallax=float(np.radians(45.0)), spacing=1)


def image_pairs(
    T_parent_camera: np.ndarray, depth_m: np.ndarray, group: np.ndarray, count: int, wanted: Partners = OF_RECORDING
) -> np.ndarray:
    """Pairs (p, 2) of indices, first below second, for poses (n, 4, 4).

    depth_m (n,): how far away is what an image looks at. Each image gets about `count` partners, all of its own
    group (n,): images of an object at several placements share the object, and much by chance.
    """
    pairs: set[tuple[int, int]] = set()
    for i in range(len(T_parent_camera)):
        cost = _costs(T_parent_camera, depth_m, i, wanted.most_parallax)
        chosen = _spread(np.flatnonzero((group == group[i]) & np.isfinite(cost)), cost, count, wanted.spacing)
        pairs.update((min(i, j), max(i, j)) for j in chosen)
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def looked_at(T_parent_camera: np.ndarray) -> np.ndarray:
    """The point (3,) nearest to all optical axes of poses (n, 4, 4): the object that was flown around."""
    axes = T_parent_camera[:, :3, 2]
    projectors = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    return np.linalg.lstsq(
        projectors.sum(axis=0), np.einsum("nij,nj->i", projectors, T_parent_camera[:, :3, 3]), rcond=None
    )[0]


def _costs(T_parent_camera: np.ndarray, depth_m: np.ndarray, i: int, most_parallax: float) -> np.ndarray:
    """How badly each image (n,) suits as a partner of image i; inf where it does not."""
    positions, axes = T_parent_camera[:, :3, 3], T_parent_camera[:, :3, 2]
    to_target = positions[i] + depth_m[i] * axes[i] - positions
    distance = np.maximum(np.linalg.norm(to_target, axis=1), 1e-9)
    parallax = np.arccos(np.clip(to_target @ axes[i] / distance, -1, 1))
    turn = np.arccos(np.clip(np.sum(to_target * axes, axis=1) / distance, -1, 1))
    zoom = np.abs(np.log(distance / depth_m[i]))
    fits = (parallax > LEAST_PARALLAX) & (parallax < most_parallax) & (turn < MOST_TURN) & (zoom < MOST_ZOOM)
    cost = np.abs(np.log(np.maximum(parallax, 1e-6) / BEST_PARALLAX)) + 2 * turn / MOST_TURN + 2 * zoom
    return np.where(fits, cost, np.inf)


def _spread(candidates: np.ndarray, cost: np.ndarray, count: int, spacing: int) -> list[int]:
    """The cheapest candidates no two of which are closer than `spacing`."""
    chosen: list[int] = []
    for j in candidates[np.argsort(cost[candidates])].tolist():
        if len(chosen) == count:
            break
        if all(abs(j - other) >= spacing for other in chosen):
            chosen.append(j)
    return chosen

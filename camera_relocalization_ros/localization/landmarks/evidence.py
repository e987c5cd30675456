# SPDX-License-Identifier: BSD-3-Clause
"""How much a pose by landmarks says by itself: what its matches exceed chance by, spread over the picture, unrivalled.

The idea is that of a-contrario estimation (Moulon, Monasse & Marlet 2012): of k matches that nobody looked for near a
pose, each lies within the tolerance of any given one by chance with a small probability, and three of them are needed
to choose the pose.
"""

from __future__ import annotations

import math

import numpy as np

from camera_relocalization_ros.vision.pnp import ransac_pose, reprojection_errors

# matches that lie together are of one thing, and err together: those in one cell count once, so many cells to the width
CELLS = 64
# that choose a pose
MINIMAL = 3
# of what does not agree with a pose: within so many tolerances it may be right and out of place
BESIDE = 3.0
RIVAL_ITERATIONS = 200
# orders of magnitude: chance was seen to reach 4. Who has more is no accident, and moved
RIVAL = 8.0


def evidence(points: np.ndarray, rays: np.ndarray, T_parent_lens: np.ndarray, tolerance: float) -> float:
    """Orders of magnitude by which chance is unlikelier than 1 to give matches a pose as good; below 0 against it.

    Of points (k, 3) that rays (k, 2) were matched with by their looks alone. What speaks for the best other pose, of
    those that do not agree, is taken off. Where that is no chance either, two things moved against each other, of which
    one is not where the map has it; matches do not say which, however many: -inf. tolerance: on z = 1.
    """
    if len(points) <= MINIMAL:
        return 0.0
    sizes = reprojection_errors(points, rays, T_parent_lens)
    share = _chance_share(rays, tolerance)
    against = _of_rival(points, rays, sizes > BESIDE * tolerance, share, tolerance)
    if against >= RIVAL:
        return -math.inf
    return _of_matches(rays, sizes < tolerance, share) - against


def guided_evidence(rays: np.ndarray, agreeing: np.ndarray, by_chance: float) -> float:
    """As `evidence`, of features that were looked for where a pose expects its landmarks: by_chance would agree anyway.

    rays (n, 2): of all features of the image, which span it; agreeing (k, 2): of those that agree with the pose.
    """
    return _orders(_cells(rays, agreeing), len(agreeing), by_chance)


def _of_matches(rays: np.ndarray, agrees: np.ndarray, share: float) -> float:
    return _orders(_cells(rays, rays[agrees]), len(rays), len(rays) * share)


def _of_rival(points: np.ndarray, rays: np.ndarray, others: np.ndarray, share: float, tolerance: float) -> float:
    rival = ransac_pose(points[others], rays[others], tolerance, RIVAL_ITERATIONS)
    if rival is None:
        return 0.0
    agrees = np.zeros(len(rays), dtype=bool)
    agrees[np.flatnonzero(others)[rival[1]]] = True
    return _of_matches(rays, agrees, share)


def _chance_share(rays: np.ndarray, tolerance: float) -> float:
    """The part of what the matches span that lies within a tolerance of a place."""
    # of a rectangle that is evenly filled the variance of a side is a twelfth of its square
    area = 12 * float(np.prod(rays.std(axis=0)))
    return min(math.pi * tolerance**2 / max(area, 1e-12), 1.0)


def _cells(all_rays: np.ndarray, rays: np.ndarray) -> int:
    """In how many cells of the picture some rays (n, 2) lie, of a grid over all of them."""
    side = float(np.ptp(all_rays, axis=0).max()) / CELLS
    return len(np.unique(np.floor((rays - all_rays.min(axis=0)) / max(side, 1e-12)).astype(int), axis=0))


def _orders(agreeing: int, tried: int, by_chance: float) -> float:
    """-log10 of the expected number of poses that as many agree with by chance (Chernoff's bound of Poisson's tail).

    Three of the `tried` choose a pose, and agree with it anyway.
    """
    beyond, by_chance = agreeing - MINIMAL, max(by_chance, 1e-6)
    if beyond <= by_chance:
        return 0.0
    nats = beyond * math.log(beyond / by_chance) - beyond + by_chance
    return max(nats / math.log(10) - math.log10(math.comb(max(tried, MINIMAL), MINIMAL)), 0.0)

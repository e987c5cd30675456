# SPDX-License-Identifier: BSD-3-Clause
"""How exactly the landmarks of a map are known, by where the images stood that saw them."""

from __future__ import annotations

import numpy as np

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.vision.pnp import LEAST_DEPTH, project

# Maps of so few images, and those whose landmarks so few images see in the median. In others all count alike: they were
# confirmed at several placements, and it made no difference.
FEW_IMAGES, SEEN_BY_FEW = 200, 10.0
# of a direction along which nothing fixes a landmark the inverse variance that is taken: a thousand metres for a unit
UNKNOWN = 1e-6
# What images say of where a landmark lies errs by more than a ray does: of one view they err alike, and what looks the
# same from another side is not quite the same place. Times the variance of rays that err independently, and variances
# of a ray at the landmark's distance over the number of images. Both chosen on two worlds, docs/refinement.md.
ALIKE, DRIFT = 4.0, 20.0


def spreads_of_seldom_seen(known: LandmarkMap) -> np.ndarray | None:
    """Covariances (l, 3, 3) of the landmarks, in variances of a coordinate of a ray on z = 1; None where images enough
    see most of them.

    Two images from nearly one side say little of how far away a landmark is. From another side that is an error in the
    image, of pixels.
    """
    if len(known.positions) > FEW_IMAGES and np.median(np.bincount(known.seen, minlength=len(known))) >= SEEN_BY_FEW:
        return None
    return spreads(known)


def spreads(known: LandmarkMap) -> np.ndarray:
    """As `spreads_of_seldom_seen`, of any map."""
    information, nearness2 = np.tile(UNKNOWN * np.eye(3), (len(known), 1, 1)), np.full(len(known), UNKNOWN)
    for T_parent_lens, first, last in zip(known.lens_poses().matrices, known.seen_first, known.seen_first[1:]):
        # an image sees a landmark once
        landmarks = known.seen[first:last]
        projected, depth = project(known.points[landmarks].astype(np.float64), T_parent_lens)
        nearness = 1.0 / np.maximum(depth, LEAST_DEPTH)
        R_lens_parent = T_parent_lens[:3, :3].T
        jacobians = R_lens_parent[None, :2] - projected[:, :, None] * R_lens_parent[None, 2:]
        jacobians *= nearness[:, None, None]
        information[landmarks] += jacobians.transpose(0, 2, 1) @ jacobians
        nearness2[landmarks] += nearness**2
    covariances: np.ndarray = ALIKE * np.linalg.inv(information) + (DRIFT / nearness2)[:, None, None] * np.eye(3)
    return covariances

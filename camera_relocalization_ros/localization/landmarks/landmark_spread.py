# SPDX-License-Identifier: BSD-3-Clause
"""How exactly the landmarks of a map are known, by where the images stood that saw them."""

from __future__ import annotations

import numpy as np

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.vision.pnp import LEAST_DEPTH, project

# of a map of more images all landmarks count alike: many images see each, and it was calibrated so
FEW_IMAGES = 200
# of a direction along which nothing fixes a landmark the inverse variance that is taken: a thousand metres for a unit
UNKNOWN = 1e-6


def spreads_of_few_images(known: LandmarkMap) -> np.ndarray | None:
    """Covariances (l, 3, 3) of the landmarks, in variances of a coordinate of a ray on z = 1; None of a larger map.

    Two images from nearly one side say little of how far away a landmark is. From another side that is an error in the
    image, of pixels.
    """
    return spreads(known) if len(known.positions) <= FEW_IMAGES else None


def spreads(known: LandmarkMap) -> np.ndarray:
    """As `spreads_of_few_images`, of any map."""
    information = np.tile(UNKNOWN * np.eye(3), (len(known), 1, 1))
    for T_parent_lens, first, last in zip(known.lens_poses().matrices, known.seen_first, known.seen_first[1:]):
        # an image sees a landmark once
        landmarks = known.seen[first:last]
        projected, depth = project(known.points[landmarks].astype(np.float64), T_parent_lens)
        R_lens_parent = T_parent_lens[:3, :3].T
        jacobians = R_lens_parent[None, :2] - projected[:, :, None] * R_lens_parent[None, 2:]
        jacobians /= np.maximum(depth, LEAST_DEPTH)[:, None, None]
        information[landmarks] += jacobians.transpose(0, 2, 1) @ jacobians
    covariances: np.ndarray = np.linalg.inv(information)
    return covariances

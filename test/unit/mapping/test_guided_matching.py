# SPDX-License-Identifier: BSD-3-Clause
"""Points of two images are matched as if each were compared with every other."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.mapping.guided_matching import (
    DISTANCE_RATIO,
    LEAST_SIMILARITY,
    SeenPoints,
    match_pair,
)
from camera_relocalization_ros.vision.local_features import unit_descriptors
from camera_relocalization_ros.vision.matching import mutual_matches_of_pairs

TOLERANCE = 0.005
# of camera b in a: to the side, forwards so that the epipole is in the image, almost to the side, and nowhere
PLACES = {"side": (0.5, 0, 0), "ahead": (0.05, 0.02, 0.5), "almost": (0.5, 0.1, 1e-9), "turned": (0, 0, 0)}


def seen_points(T_world_camera, points, looks, generator):
    """What a camera sees of points, of which each looks about the same to all cameras."""
    local = (points - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    looks = looks + generator.normal(0, 0.3, looks.shape)
    order = generator.permutation(len(points))
    return SeenPoints((local[:, :2] / local[:, 2:])[order], unit_descriptors(looks[order]))


def compared_all(a, b, T_b_a):
    """What `match_pair` finds, by whole matrices."""
    x, y, z = T_b_a[:3, 3]
    rays_a, rays_b = (np.column_stack([p.rays, np.ones(len(p))]) for p in (a, b))
    lines = rays_a @ (np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ T_b_a[:3, :3]).T
    lines /= np.maximum(np.linalg.norm(lines[:, :2], axis=1, keepdims=True), 1e-12)
    cosines = a.descriptors @ b.descriptors.T
    rows, columns = np.nonzero((np.abs(lines @ rays_b.T) <= TOLERANCE) & (cosines > 0.6))
    return mutual_matches_of_pairs(rows, columns, cosines[rows, columns], LEAST_SIMILARITY, DISTANCE_RATIO)


@pytest.mark.parametrize("place", PLACES)
def test_no_match_is_missed_wherever_the_epipole_is(place):
    generator = np.random.default_rng(3)
    points = generator.uniform((-2, -1, 2), (2, 1, 5), (400, 3))
    # some look alike: the line decides
    looks = np.repeat(generator.normal(size=(200, 128)), 2, axis=0)
    T_world_a, T_world_b = np.eye(4), np.eye(4)
    T_world_b[:3, 3] = PLACES[place]
    T_world_b[:3, :3] = Rotation.from_rotvec([0.02, -0.05, 0.03]).as_matrix()
    a, b = (seen_points(T, points, looks, generator) for T in (T_world_a, T_world_b))
    T_b_a = invert(T_world_b) @ T_world_a
    found, cosines = match_pair(a, b, T_b_a, TOLERANCE)
    rows, columns, expected = compared_all(a, b, T_b_a)
    np.testing.assert_array_equal(found, np.stack([rows, columns], axis=1))
    np.testing.assert_allclose(cosines, expected, atol=1e-6)
    assert len(found) > (250 if place != "turned" else 5)


def test_images_without_points_have_nothing_in_common():
    nothing = SeenPoints(np.empty((0, 2)), np.empty((0, 128), np.float32))
    found, cosines = match_pair(nothing, nothing, np.eye(4), TOLERANCE)
    assert found.shape == (0, 2) and cosines.shape == (0,)

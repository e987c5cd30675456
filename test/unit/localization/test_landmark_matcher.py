# SPDX-License-Identifier: BSD-3-Clause
"""How many features would show landmarks by chance: by where they are, and by what they look like."""

import numpy as np
import pytest

from camera_relocalization_ros.localization.landmarks.landmark_matcher import LandmarkMatcher
from camera_relocalization_ros.localization.landmarks.refinement_settings import DEFAULT_SETTINGS
from camera_relocalization_ros.vision.pnp import PerspectivePose

PIXEL = 1 / 400
COUNT = 100


def grid(looks):
    """A matcher of COUNT landmarks on a wall, 20 pixels apart, and the features that show them, each within a pixel."""
    rng = np.random.default_rng(0)
    rays = 20 * PIXEL * np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    points = np.column_stack([rays, np.ones(COUNT)])
    return LandmarkMatcher(points, looks, DEFAULT_SETTINGS), rays + rng.uniform(-0.5, 0.5, rays.shape) * PIXEL


def unlike(count):
    looks = np.random.default_rng(1).normal(size=(count, 64))
    return looks / np.linalg.norm(looks, axis=1, keepdims=True)


@pytest.mark.parametrize(("looks", "expected"), [(unlike(COUNT), 0.0), (np.tile(unlike(1), (COUNT, 1)), COUNT)])
def test_false_matches_are_few_where_things_look_unlike_and_many_where_they_repeat(looks, expected):
    matcher, rays = grid(looks)
    near, T = np.arange(COUNT), np.eye(4)
    seen, found = matcher.match_near(looks, rays, near, T, 4 * PIXEL)
    np.testing.assert_array_equal(seen, found)
    assert len(found) == COUNT
    # at the most one landmark of a hundred stays at its place in a shuffle
    assert matcher.by_looks(looks, rays, near, T, PIXEL) == pytest.approx(expected, abs=2.0)


def test_places_alone_say_more_of_a_dense_map():
    matcher, rays = grid(unlike(COUNT))
    pose = PerspectivePose(np.eye(4), np.eye(6), np.arange(COUNT), noise=4 * PIXEL)
    assert matcher.by_chance(np.arange(COUNT), rays, pose) > 10 * matcher.by_looks(
        unlike(COUNT), rays, np.arange(COUNT), np.eye(4), 4 * PIXEL
    )

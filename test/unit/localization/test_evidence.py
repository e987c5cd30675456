# SPDX-License-Identifier: BSD-3-Clause
"""What matches say for a pose: much where they are right, nothing by chance, less where others speak against."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.localization.landmarks.evidence import evidence, guided_evidence
from camera_relocalization_ros.vision.pnp import project, ransac_pose

TOLERANCE = 5 / 500
HERE = np.eye(4)
ELSEWHERE = pose_matrix(np.array([1.0, -0.5, 0.3]), Rotation.from_rotvec([0.1, 0.2, 0.5]).as_quat())


def matches(right, wrong, at=HERE, seed=0):
    """Points and rays, of which `right` are seen from a pose and `wrong` anywhere in the picture."""
    generator = np.random.default_rng(seed)
    points = generator.uniform((-2, -2, 4), (2, 2, 8), (right + wrong, 3))
    rays, _ = project(points, at)
    rays[right:] = generator.uniform(-0.5, 0.5, (wrong, 2))
    return points, rays + generator.normal(0, TOLERANCE / 5, rays.shape)


def test_a_few_right_ones_of_many_are_beyond_chance_by_far_and_more_are_further():
    said = [evidence(*matches(right, 100), HERE, TOLERANCE) for right in (8, 20, 60)]
    assert 0 < said[0] < said[1] < said[2] and said[1] > 15


@pytest.mark.parametrize("seed", range(5))
def test_the_best_pose_of_chance_says_nothing(seed):
    points, rays = matches(0, 150, seed=seed)
    found = ransac_pose(points, rays, TOLERANCE, 1000)
    assert found is None or evidence(points, rays, found[0], TOLERANCE) < 4


def test_what_lies_together_counts_once():
    points, rays = matches(30, 100)
    spread = evidence(points, rays, HERE, TOLERANCE)
    points[:30] = points[0] + np.random.default_rng(0).normal(0, 0.002, (30, 3))
    rays[:30] = project(points[:30], HERE)[0]
    assert spread > 15 > 4 > evidence(points, rays, HERE, TOLERANCE)


def with_rival(right, rival):
    """Matches of which some are right and as many others agree on another pose."""
    here, there = matches(right, 40), matches(rival, 0, ELSEWHERE, seed=1)
    return tuple(np.concatenate(both) for both in zip(here, there))


def test_what_speaks_for_another_pose_is_taken_off():
    assert 0 < evidence(*with_rival(40, 7), HERE, TOLERANCE) < evidence(*with_rival(40, 0), HERE, TOLERANCE) - 1


def test_a_pose_says_nothing_by_itself_where_things_moved_against_each_other():
    # the room's landmarks are many more than those of an object that stands elsewhere now
    assert evidence(*with_rival(200, 25), HERE, TOLERANCE) == -np.inf


def test_of_features_that_were_looked_for_those_count_that_exceed_chance():
    rays = matches(0, 300)[1]
    assert guided_evidence(rays, rays[:50], 2.0) > 15
    assert guided_evidence(rays, rays[:50], 45.0) == 0


def test_too_few_matches_say_nothing():
    assert evidence(*matches(3, 0), HERE, TOLERANCE) == evidence(*matches(0, 0), HERE, TOLERANCE) == 0

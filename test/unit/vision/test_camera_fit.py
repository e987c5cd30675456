# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

from camera_relocalization_ros.vision.camera_fit import fitted_cameras, gains_by_changes
from camera_relocalization_ros.vision.pnp import CameraPart, camera_changes, refine_pose

NOISE, TOLERANCE, PRECISE = 1e-3, 1e-2, 3e-3
ZOOM = 1.25
# how rays (n, 2) change with each part of a camera, by `value`
CHANGED = {
    CameraPart.FOCAL_LENGTH: lambda rays, value: rays * (1 + value),
    CameraPart.ASPECT_RATIO: lambda rays, value: rays * [1 + value, 1 - value],
    CameraPart.CENTRE_X: lambda rays, value: rays + [value, 0],
    CameraPart.CENTRE_Y: lambda rays, value: rays + [0, value],
    CameraPart.DISTORTION: lambda rays, value: rays * (1 + value * np.sum(rays**2, axis=1, keepdims=True)),
}


def scene(seed, beside=40, wrong=20):
    """Points, of which 80 are on a wall across the view, and their true rays; the last `wrong` rays are anywhere."""
    generator = np.random.default_rng(seed)
    rays = generator.uniform(-0.5, 0.5, (80 + beside + wrong, 2))
    depths = np.full(len(rays), 3.0)
    depths[80:] = generator.uniform(1.5, 2.6, beside + wrong)
    points = np.column_stack([rays, np.ones(len(rays))]) * depths[:, None]
    rays[80 + beside :] = generator.uniform(-0.5, 0.5, (wrong, 2))
    return points, rays, generator.normal(0, NOISE, rays.shape)


def before_the_wall(seen, points):
    """The pose that takes a zoomed view of the wall for one from nearer by."""
    nearer = np.eye(4)
    nearer[2, 3] = 3.0 * (1 - 1 / ZOOM)
    return refine_pose(points, seen, nearer, TOLERANCE)


@pytest.mark.parametrize("seed", range(5))
def test_what_does_not_agree_with_a_pose_before_a_wall_tells_the_focal_length(seed):
    points, rays, noise = scene(seed)
    seen = ZOOM * rays + noise
    pose = before_the_wall(seen, points)
    assert 0.5 < pose.T_parent_camera[2, 3] < 0.7
    right = pose.inliers
    changes, deviations = camera_changes(points[right], seen[right], pose.T_parent_camera, TOLERANCE)
    assert abs(changes[CameraPart.FOCAL_LENGTH]) < 2 * deviations[CameraPart.FOCAL_LENGTH]
    fits = fitted_cameras(points, seen, pose.T_parent_camera, TOLERANCE, PRECISE)
    assert np.argmax(fits.gains) == CameraPart.FOCAL_LENGTH and fits.gains[CameraPart.FOCAL_LENGTH] > 20
    assert 1 + fits.changes[CameraPart.FOCAL_LENGTH] == pytest.approx(ZOOM, abs=0.02)
    assert fits.deviations[CameraPart.FOCAL_LENGTH] < 0.01
    by_zoom = gains_by_changes(points, seen, pose.T_parent_camera, np.full(5, ZOOM - 1), TOLERANCE, PRECISE)
    assert by_zoom[CameraPart.FOCAL_LENGTH] > 20


@pytest.mark.parametrize("value", [-0.08, 0.08])
@pytest.mark.parametrize("part", CameraPart)
def test_each_part_is_found_and_its_deviation_is_that_of_the_errors(part, value):
    units, is_best = [], []
    for seed in range(20):
        points, rays, noise = scene(seed)
        seen = CHANGED[part](rays, value) + noise
        fits = fitted_cameras(points, seen, np.eye(4), TOLERANCE, PRECISE)
        assert fits.changes[part] == pytest.approx(value, abs=0.02)
        units.append((fits.changes[part] - value) / fits.deviations[part])
        is_best.append(np.argmax(fits.gains) == part)
    assert 0.5 < np.std(units) < 1.6
    assert np.mean(is_best) > 0.9


def test_of_the_right_camera_no_other_sees_more_and_wrong_ones_are_ruled_out():
    for seed in range(10):
        points, rays, noise = scene(seed)
        fits = fitted_cameras(points, rays + noise, np.eye(4), TOLERANCE, PRECISE)
        assert fits.gains.max() < 1 and np.abs(fits.changes / fits.deviations).max() < 4
        for value in (-0.2, -0.05, 0.05, 0.2):
            gains = gains_by_changes(points, rays + noise, np.eye(4), np.full(5, value), TOLERANCE, PRECISE)
            # a distortion of 0.05 moves the corners of the picture by a hundredth of the focal length
            assert (gains[:-1] < -5).all() and gains[-1] < -1
    nothing = gains_by_changes(points, rays + noise, np.eye(4), np.zeros(5), TOLERANCE, PRECISE)
    np.testing.assert_allclose(nothing, 0, atol=0.5)


def test_a_wall_alone_rules_no_focal_length_out():
    points, rays, noise = scene(1, beside=0, wrong=0)
    fits = fitted_cameras(points, rays + noise, np.eye(4), TOLERANCE, PRECISE)
    assert abs(fits.gains[CameraPart.FOCAL_LENGTH]) < 1 and fits.deviations[CameraPart.FOCAL_LENGTH] > 0.1
    gains = gains_by_changes(points, rays + noise, np.eye(4), np.full(5, 0.2), TOLERANCE, PRECISE)
    assert gains[CameraPart.FOCAL_LENGTH] > -1


def test_points_that_are_known_badly_tell_less():
    points, rays, noise = scene(2)
    exact = fitted_cameras(points, rays + noise, np.eye(4), TOLERANCE, PRECISE)
    spreads = np.tile(np.eye(3) * 100.0, (len(points), 1, 1))
    spread = fitted_cameras(points, rays + noise, np.eye(4), TOLERANCE, PRECISE, spreads, least_noise=NOISE)
    assert spread.deviations[CameraPart.FOCAL_LENGTH] > 3 * exact.deviations[CameraPart.FOCAL_LENGTH]


@pytest.mark.parametrize("count", [0, 4])
def test_too_few_points_tell_nothing(count):
    points, rays, _ = scene(3)
    fits = fitted_cameras(points[:count], rays[:count], np.eye(4), TOLERANCE, PRECISE)
    assert np.all(fits.changes == 0) and np.all(fits.deviations == np.inf) and np.all(fits.gains == 0)
    gains = gains_by_changes(points[:count], rays[:count], np.eye(4), np.full(5, 0.1), TOLERANCE, PRECISE)
    assert np.all(gains == 0)


def test_points_that_fix_no_pose_or_are_all_behind_are_told_from_nothing():
    points, rays, _ = scene(4)
    for some in (np.tile(points[:1], (20, 1)), -points[:20]):
        fits = fitted_cameras(some, rays[:20], np.eye(4), TOLERANCE, PRECISE)
        assert np.isfinite(fits.changes).all() and (fits.gains < 1).all()

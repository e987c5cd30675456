# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.geometry import transform_points
from camera_relocalization_ros.vision.pnp import CameraPart, approach_pose, camera_changes, ransac_pose, refine_pose

NOISE = 2e-3
TOLERANCE = 1e-2


def view(seed, count=100):
    """T_parent_camera, points in the parent frame and their true rays."""
    generator = np.random.default_rng(seed)
    T_parent_camera = np.eye(4)
    T_parent_camera[:3, :3] = Rotation.random(random_state=seed).as_matrix()
    T_parent_camera[:3, 3] = generator.normal(size=3)
    rays = generator.uniform(-0.6, 0.6, (count, 2))
    local = np.column_stack([rays, np.ones(count)]) * generator.uniform(1, 4, (count, 1))
    return T_parent_camera, transform_points(T_parent_camera, local), rays, generator


def error(estimate, truth):
    turn = Rotation.from_matrix(estimate[:3, :3] @ truth[:3, :3].T).as_rotvec()
    return np.concatenate([estimate[:3, 3] - truth[:3, 3], turn])


def test_ransac_and_refinement_find_the_pose_among_wrong_matches():
    T_true, points, rays, generator = view(0)
    rays[:60] = generator.uniform(-0.6, 0.6, (60, 2))
    T_rough, inliers = ransac_pose(points, rays, TOLERANCE, 1000)
    assert set(inliers) >= set(range(60, 100))
    pose = refine_pose(points, rays, T_rough, TOLERANCE)
    assert np.abs(error(pose.T_parent_camera, T_true)).max() < 1e-5
    assert set(pose.inliers) >= set(range(60, 100))


@pytest.mark.parametrize("seed", range(5))
def test_from_afar_the_pose_of_most_points_is_approached(seed):
    T_true, points, rays, generator = view(seed)
    rays[:20] = generator.uniform(-0.6, 0.6, (20, 2))
    T_far = T_true.copy()
    T_far[:3, :3] = Rotation.from_rotvec([0.2, -0.2, 0.1]).as_matrix() @ T_true[:3, :3]
    T_far[:3, 3] += 0.3
    pose = refine_pose(points, rays, approach_pose(points, rays, T_far, TOLERANCE), TOLERANCE)
    assert np.abs(error(pose.T_parent_camera, T_true)).max() < 1e-5
    # where points are few or fix nothing it stays where it was
    nothing = np.empty((0, 3)), np.empty((0, 2))
    np.testing.assert_array_equal(approach_pose(*nothing, T_far, TOLERANCE), T_far)


def test_points_that_are_known_badly_count_as_little_as_they_should():
    squared, sizes = [], []
    for seed in range(60):
        T_true, points, rays, generator = view(seed, 60)
        # half of the points are known along one axis to twenty times what a ray tells
        factors = np.tile(np.eye(3) * 1e-3, (60, 1, 1))
        factors[:30, 0, 0] = 20.0
        moved = points + NOISE * np.einsum("nij,nj->ni", factors, generator.normal(size=(60, 3)))
        noisy = moved, rays + generator.normal(0, NOISE, rays.shape), T_true, 10 * TOLERANCE
        alike, weighed = refine_pose(*noisy), refine_pose(*noisy, factors @ factors)
        differences = [error(pose.T_parent_camera, T_true) for pose in (alike, weighed)]
        sizes.append([np.linalg.norm(difference[:3]) for difference in differences])
        squared.append(differences[1] @ np.linalg.solve(weighed.covariance, differences[1]))
    alike, weighed = np.median(sizes, axis=0)
    # who takes all for exact takes the worst for wrong, mostly: it errs half as much again
    assert weighed < 0.75 * alike
    # of six dimensions
    assert 4 < np.mean(squared) < 9


def test_covariance_is_that_of_the_errors():
    T_true, points, rays, generator = view(1)
    squared = []
    for _ in range(200):
        pose = refine_pose(points, rays + generator.normal(0, NOISE, rays.shape), T_true, TOLERANCE)
        difference = error(pose.T_parent_camera, T_true)
        squared.append(difference @ np.linalg.solve(pose.covariance, difference))
        assert pose.noise == pytest.approx(NOISE, rel=0.3)
    # chi squared with six degrees of freedom: mean 6, and of 200 of them a standard error of 0.25
    assert np.mean(squared) == pytest.approx(6.0, abs=1.0)


def test_points_that_do_not_fix_a_pose_give_none():
    T_true, points, rays, _ = view(2)
    assert ransac_pose(points[:4], rays[:4], TOLERANCE, 100) is None
    same_point = np.repeat(points[:1], 20, axis=0), np.repeat(rays[:1], 20, axis=0)
    assert refine_pose(*same_point, T_true, TOLERANCE) is None
    assert refine_pose(np.empty((0, 3)), np.empty((0, 2)), T_true, TOLERANCE) is None


def test_matches_that_are_off_by_little_do_not_bend_the_pose():
    T_true, points, rays, generator = view(3)
    rays = rays + generator.normal(0, NOISE / 20, rays.shape)
    # all to the same side, and within the first tolerance
    rays[:20, 0] += TOLERANCE / 2
    pose = refine_pose(points, rays, T_true, TOLERANCE)
    assert not set(pose.inliers) & set(range(20)) and set(pose.inliers) >= set(range(20, 100))
    alone = refine_pose(points[20:], rays[20:], T_true, TOLERANCE)
    assert np.abs(error(pose.T_parent_camera, alone.T_parent_camera)).max() < NOISE / 20


def test_covariance_does_not_rest_on_one_point():
    T_true, points, rays, generator = view(4, 40)
    rays[1:] *= 0.05
    points = transform_points(T_true, np.column_stack([rays, np.ones(40)]) * generator.uniform(1, 4, (40, 1)))
    noisy = rays + generator.normal(0, NOISE / 20, rays.shape)
    lone, others = refine_pose(points, noisy, T_true, TOLERANCE), refine_pose(points[1:], noisy[1:], T_true, TOLERANCE)
    # the lone point at the edge of the image would make the pose far more certain; without it the rest are alone
    assert np.trace(lone.covariance[:3, :3]) > 0.3 * np.trace(others.covariance[:3, :3])


# how rays (n, 2) change with each part of a camera, by `value`
CHANGED = {
    CameraPart.FOCAL_LENGTH: lambda rays, value: rays * (1 + value),
    CameraPart.ASPECT_RATIO: lambda rays, value: rays * [1 + value, 1 - value],
    CameraPart.CENTRE_X: lambda rays, value: rays + [value, 0],
    CameraPart.CENTRE_Y: lambda rays, value: rays + [0, value],
    CameraPart.DISTORTION: lambda rays, value: rays * (1 + value * np.sum(rays**2, axis=1, keepdims=True)),
}


@pytest.mark.parametrize("value", [-0.03, 0.0, 0.03])
@pytest.mark.parametrize("part", CameraPart)
def test_another_camera_is_told_from_another_pose(part, value):
    units, others, changes_of = [], [], []
    for seed in range(30):
        T_true, points, rays, generator = view(seed)
        seen = CHANGED[part](rays, value) + generator.normal(0, NOISE, rays.shape)
        seen[:20] = generator.uniform(-0.6, 0.6, (20, 2))
        pose = refine_pose(points, seen, T_true, TOLERANCE)
        right = pose.inliers
        changes, deviations = camera_changes(points[right], seen[right], pose.T_parent_camera, TOLERANCE)
        changes_of.append(changes[part])
        units.append((changes[part] - value) / deviations[part])
        others.append(np.abs(changes / deviations).argmax() == part)
    assert np.median(changes_of) == pytest.approx(value, abs=0.008)
    assert 0.5 < np.std(units) < 1.6
    # of each by itself, the one that it is explains most
    assert value == 0 or np.mean(others) > 0.7


def test_of_a_large_change_one_step_tells_about_how_large_it_is():
    T_true, points, rays, _ = view(1)
    for scale, low, high in ((1.25, 1.1, 1.4), (0.8, 0.7, 0.9)):
        pose = refine_pose(points, scale * rays, T_true, TOLERANCE)
        changes, _ = camera_changes(points, scale * rays, pose.T_parent_camera, TOLERANCE)
        assert low < 1 + changes[CameraPart.FOCAL_LENGTH] < high


def test_points_that_tell_nothing_of_the_camera_have_a_large_deviation():
    _, _, rays, generator = view(2)
    wall = np.column_stack([3.0 * rays, np.full(len(rays), 3.0)])
    noisy = rays + generator.normal(0, NOISE, rays.shape)
    focal, spreads = CameraPart.FOCAL_LENGTH, np.tile(np.eye(3) * 1e-3, (len(rays), 1, 1))
    assert camera_changes(wall, noisy, np.eye(4), TOLERANCE)[1][focal] > 0.1
    assert camera_changes(wall, noisy, np.eye(4), TOLERANCE, spreads)[1][focal] > 0.1
    exactly = camera_changes(wall, rays, np.eye(4), TOLERANCE)
    assert exactly[0][focal] == 0 and not np.isnan(exactly[1]).any()
    changes, deviations = camera_changes(wall[:2], noisy[:2], np.eye(4), TOLERANCE)
    assert np.all(changes == 0) and np.all(deviations == np.inf)

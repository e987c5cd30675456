# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.geometry import canonical_quat
from camera_relocalization_ros.core.pose import (
    Pose,
    Poses,
    carried_covariance,
    is_pose,
    lever_jacobian,
    pose_distance,
    pose_residual,
)


def random_poses(count, seed=1):
    rng = np.random.default_rng(seed)
    return Poses(rng.normal(size=(count, 3)), Rotation.random(count, random_state=seed).as_quat())


def matrix_of(pose):
    """SciPy and NumPy alone."""
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = Rotation.from_quat(pose.quat_xyzw).as_matrix(), pose.position
    return T


def test_a_pose_times_its_inverse_is_the_identity():
    for pose in random_poses(20):
        for identity in (pose @ pose.inverse, pose.inverse @ pose):
            np.testing.assert_allclose(pose_residual(identity, Pose.identity()), np.zeros(6), atol=1e-12)


def test_poses_times_their_inverses_are_the_identity():
    poses = random_poses(20)
    residuals = pose_residual(poses @ poses.inverse, Pose.identity())
    np.testing.assert_allclose(residuals, np.zeros((20, 6)), atol=1e-12)


def test_composition_is_that_of_matrices():
    T_a_b, T_b_c = random_poses(2)
    np.testing.assert_allclose((T_a_b @ T_b_c).matrix, matrix_of(T_a_b) @ matrix_of(T_b_c), atol=1e-12)
    np.testing.assert_allclose((T_a_b @ T_b_c @ T_b_c.inverse).matrix, matrix_of(T_a_b), atol=1e-12)


def test_poses_compose_row_by_row_and_with_one_for_all():
    first, second = random_poses(5), random_poses(5, seed=2)
    for row, both in enumerate(first @ second):
        np.testing.assert_allclose(both.matrix, (first[row] @ second[row]).matrix, atol=1e-12)
    for row, both in enumerate(first @ second[0]):
        np.testing.assert_allclose(both.matrix, (first[row] @ second[0]).matrix, atol=1e-12)


def test_matrix_and_back_gives_the_canonical_quaternion():
    poses = random_poses(20)
    back = Poses.from_matrices(poses.matrices)
    np.testing.assert_allclose(back.positions, poses.positions)
    np.testing.assert_allclose(back.quats_xyzw, canonical_quat(poses.quats_xyzw), atol=1e-12)
    np.testing.assert_allclose(Pose.from_matrix(poses[3].matrix).quat_xyzw, poses[3].canonical.quat_xyzw, atol=1e-12)


def test_an_index_gives_a_pose_and_rows_give_poses():
    poses = random_poses(4)
    assert len(poses) == 4
    assert isinstance(poses[-1], Pose) and isinstance(poses[np.int64(1)], Pose)
    assert [len(poses[rows]) for rows in (slice(1, 3), [0, 2], np.array([True, False, True, True]))] == [2, 2, 3]
    for pose, position, quat in zip(poses, poses.positions, poses.quats_xyzw):
        assert np.array_equal(pose.position, position) and np.array_equal(pose.quat_xyzw, quat)
    again = Poses.stack(poses)
    assert np.array_equal(again.positions, poses.positions) and np.array_equal(again.quats_xyzw, poses.quats_xyzw)
    assert len(Poses.stack([])) == 0


def test_residual_is_in_the_fixed_axes_of_the_parent():
    truth = random_poses(1)[0]
    turn = np.array([0.02, -0.3, 0.1])
    estimate = Pose(truth.position + [1, 2, 3], (Rotation.from_rotvec(turn) * truth.rotation).as_quat())
    np.testing.assert_allclose(pose_residual(estimate, truth), [1, 2, 3, *turn], atol=1e-12)


def test_residuals_row_by_row_are_those_of_single_poses_and_blind_to_sign():
    estimates, truths = random_poses(10), random_poses(10, seed=2)
    residuals = pose_residual(estimates, truths)
    for row, (estimate, truth) in enumerate(zip(estimates, truths)):
        np.testing.assert_array_equal(residuals[row], pose_residual(estimate, truth))
    np.testing.assert_allclose(residuals, pose_residual(estimates, Poses(truths.positions, -truths.quats_xyzw)))


def test_distance_adds_the_angle_to_the_metres():
    pose = Pose.identity()
    away = Pose([3.0, 4.0, 0.0], Rotation.from_rotvec([0.0, 0.5, 0.0]).as_quat())
    assert pose_distance(away, pose) == pytest.approx(5.5)
    both = Poses.stack([away, Pose(away.position, -away.quat_xyzw)])
    np.testing.assert_allclose(pose_distance(both, pose), [5.5, 5.5])
    residuals = pose_residual(random_poses(10), pose)
    expected = np.linalg.norm(residuals[:, :3], axis=1) + np.linalg.norm(residuals[:, 3:], axis=1)
    np.testing.assert_allclose(pose_distance(random_poses(10), pose), expected)


@pytest.mark.parametrize(
    "make", [lambda: Pose(np.zeros(2), np.zeros(4)), lambda: Pose(np.zeros((1, 3)), np.eye(4)[:1])]
)
def test_a_pose_of_another_shape_is_refused(make):
    with pytest.raises(ValueError, match="a pose is"):
        make()


def test_poses_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="poses are"):
        Poses(np.zeros((2, 3)), np.zeros((3, 4)))


def test_what_is_a_pose():
    quat, nothing = [0.0, 0.6, 0.0, 0.8], [0.0, 0.0, 0.0, 0.0]
    positions = np.array([[1.0, 2.0, 3.0], [np.nan, 0, 0], [0, -np.inf, 0], [0, 0, 1e20], [1.0, 2.0, 3.0]])
    quats = np.array([quat, quat, quat, quat, nothing])
    assert is_pose(positions, quats).tolist() == [True, False, False, False, False]
    assert not is_pose(positions[0], [0.0, 0.0, np.nan, 1.0])


@pytest.mark.parametrize("seed", range(3))
def test_a_carried_covariance_is_that_of_drawn_errors(seed):
    """Monte Carlo: errors about the fixed axes of the parent go through the chain, and are measured in its parent."""
    rng = np.random.default_rng(seed)
    T_m_a, T_a_b, T_b_c = random_poses(3, seed + 10)
    roots = rng.normal(size=(6, 6)) * np.repeat([0.02, 0.01], 3)[:, None]
    covariance = roots @ roots.T
    errors = rng.multivariate_normal(np.zeros(6), covariance, size=40_000)
    drawn = Poses(T_a_b.position + errors[:, :3], (Rotation.from_rotvec(errors[:, 3:]) * T_a_b.rotation).as_quat())
    chains = Poses.from_matrices(matrix_of(T_m_a) @ drawn.matrices @ matrix_of(T_b_c))
    seen = np.cov(pose_residual(chains, T_m_a @ T_a_b @ T_b_c).T)
    carried = carried_covariance(covariance, T_m_a, T_a_b, T_b_c)
    scale = np.sqrt(np.outer(np.diag(carried), np.diag(carried)))
    np.testing.assert_allclose(seen / scale, carried / scale, atol=0.03)
    # position and rotation hang together now, and far more than before: neither block may be left out
    assert np.abs(carried - np.kron(np.eye(2), T_m_a.rotation.as_matrix()) @ covariance).max() > 0.1 * carried.max()


def test_a_lever_swings_a_point_by_the_error_of_the_rotation():
    lever, error = np.array([0.3, -0.2, 0.5]), np.array([0.0, 0.0, 0.0, 1e-6, -2e-6, 3e-6])
    swung = Rotation.from_rotvec(error[3:]).apply(lever) - lever
    np.testing.assert_allclose(lever_jacobian(lever) @ error, [*swung, *error[3:]], atol=1e-11)

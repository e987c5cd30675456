# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core import geometry


def random_poses(count):
    rng = np.random.default_rng(1)
    return rng.normal(size=(count, 3)), Rotation.random(count, random_state=1).as_quat()


def test_pose_times_inverse_is_identity():
    T = geometry.pose_matrix(*random_poses(50))
    np.testing.assert_allclose(T @ geometry.invert(T), np.broadcast_to(np.eye(4), T.shape), atol=1e-12)


def test_matrix_and_back_gives_the_canonical_quaternion():
    positions, quats = random_poses(50)
    positions_back, quats_back = geometry.position_quat(geometry.pose_matrix(positions, quats))
    np.testing.assert_allclose(positions_back, positions)
    np.testing.assert_allclose(quats_back, geometry.canonical_quat(quats), atol=1e-12)
    assert (quats_back[:, 3] >= 0).all()


def test_transform_points_maps_b_into_a():
    quarter_turn = Rotation.from_euler("z", 90, degrees=True).as_quat()
    T_a_b = geometry.pose_matrix(np.array([1.0, 2.0, 3.0]), quarter_turn)
    np.testing.assert_allclose(geometry.transform_points(T_a_b, [[1.0, 0.0, 0.0]]), [[1.0, 3.0, 3.0]], atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-7, 1e-3, 1.0, np.pi - 1e-6, np.pi])
def test_angular_distance_is_the_angle_and_blind_to_sign(angle):
    _, quats = random_poses(20)
    axis = np.array([0.6, -0.8, 0.0])
    turned = (Rotation.from_quat(quats) * Rotation.from_rotvec(angle * axis)).as_quat()
    np.testing.assert_allclose(geometry.angular_distance(quats, turned), angle, atol=1e-9)
    np.testing.assert_allclose(geometry.angular_distance(-quats, turned), angle, atol=1e-9)


def test_zero_quaternion_is_refused():
    with pytest.raises(ValueError, match="no rotation"):
        geometry.canonical_quat(np.zeros(4))


def test_a_part_of_a_motion_turns_about_its_axis_and_moves_along_its_line():
    quarter_turn = Rotation.from_euler("z", 90, degrees=True).as_quat()
    T_before_after = geometry.pose_matrix(np.array([4.0, 0.0, 2.0]), quarter_turn)
    half = geometry.part_of_motion(T_before_after, 0.5)
    eighth_turn = Rotation.from_euler("z", 45, degrees=True).as_quat()
    np.testing.assert_allclose(half, geometry.pose_matrix(np.array([2.0, 0.0, 1.0]), eighth_turn), atol=1e-12)
    np.testing.assert_allclose(geometry.part_of_motion(T_before_after, 1.0), T_before_after, atol=1e-12)
    half_a_turn = geometry.part_of_motion(T_before_after, 2.0)
    assert Rotation.from_matrix(half_a_turn[:3, :3]).magnitude() == pytest.approx(np.pi)

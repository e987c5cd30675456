# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

from camera_relocalization_ros.aircraft.gimbal import gimbal_frames, joint_angles


def test_at_rest_the_camera_sits_where_the_offsets_add_up_and_looks_ahead():
    T = gimbal_frames(np.array(0.0), np.array(0.0), np.array(0.0)).T_body_optical()
    np.testing.assert_allclose(T[:3, 3], [0.11 - 0.0508 + 0.068, -0.039 + 0.05, -0.082], atol=1e-12)
    np.testing.assert_allclose(T[:3, 2], [1, 0, 0], atol=1e-12)  # optical z is forward
    np.testing.assert_allclose(T[:3, 0], [0, -1, 0], atol=1e-12)  # optical x is right
    np.testing.assert_allclose(T[:3, 1], [0, 0, -1], atol=1e-12)  # optical y is down


@pytest.mark.parametrize(
    "yaw_deg, pitch_deg, looks_along",
    [(90, 0, (0, -1, 0)), (-90, 0, (0, 1, 0)), (0, -90, (0, 0, -1)), (180, 0, (-1, 0, 0))],
)
def test_hand_worked_joint_angles(yaw_deg, pitch_deg, looks_along):
    frames = gimbal_frames(np.radians(yaw_deg), np.array(0.0), np.radians(pitch_deg))
    np.testing.assert_allclose(frames.T_body_optical()[:3, 2], looks_along, atol=1e-12)


def test_joint_angles_invert_the_chain():
    rng = np.random.default_rng(0)
    yaw, roll, pitch = rng.uniform(-3, 3, 50), rng.uniform(-0.6, 0.6, 50), rng.uniform(-1.5, 0.5, 50)
    frames = gimbal_frames(yaw, roll, pitch)
    R_body_link = (frames.T_body_yaw @ frames.T_yaw_roll @ frames.T_roll_pitch @ frames.T_pitch_link)[:, :3, :3]
    for found, expected in zip(joint_angles(R_body_link), (yaw, roll, pitch)):
        np.testing.assert_allclose(found, expected, atol=1e-9)

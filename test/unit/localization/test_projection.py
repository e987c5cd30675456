# SPDX-License-Identifier: BSD-3-Clause
"""Projection against a motion that is known in closed form: a turn at a constant rate while flying a circle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import SyncError
from camera_relocalization_ros.core.geometry import angular_distance, invert, pose_matrix, position_quat
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.projection import MotionHistory, ProjectionSettings, project

VELOCITY, RATE = np.array([1.2, -0.3, 0.1]), np.array([0.1, -0.2, 0.8])  # of the body, along its axes
START = pose_matrix(np.array([3.0, 1.0, 2.0]), Rotation.from_rotvec([0.2, -0.1, 2.0]).as_quat())
T_ODOM_PARENT = pose_matrix(np.array([-4.0, 7.0, 0.5]), Rotation.from_rotvec([0.0, 0.1, -1.0]).as_quat())
T_BODY_CAMERA = pose_matrix(np.array([0.1, 0.02, -0.05]), Rotation.from_euler("xyz", [-1.8, 0.1, -1.5]).as_quat())
COVARIANCE = np.diag(np.repeat([0.05, 0.03], 3) ** 2)
T0_NS = 1_497_052_800_000_000_000


def T_odom_body(seconds: float) -> np.ndarray:
    """Constant velocity and rate in the body: the exponential of a twist, by SciPy."""
    x, y, z = RATE
    twist = np.zeros((4, 4))
    twist[:3, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
    twist[:3, 3] = VELOCITY
    return START @ expm(seconds * twist)


def T_parent_camera(seconds: float, T_body_camera: np.ndarray = T_BODY_CAMERA) -> np.ndarray:
    return invert(T_ODOM_PARENT) @ T_odom_body(seconds) @ T_body_camera


def make_estimate(seconds: float) -> Estimate:
    pose = Pose.from_matrix(T_parent_camera(seconds))
    return Estimate(ns(seconds), pose, 2, 0.01, np.zeros(1), State.OK, "", COVARIANCE)


def ns(seconds: float) -> int:
    return T0_NS + round(seconds * 1e9)


def odometry(until_s: float, period_s: float = 0.02) -> MotionHistory:
    motion = MotionHistory()
    for seconds in np.arange(0.0, until_s + 1e-9, period_s):
        motion.add_pose(ns(seconds), Pose.from_matrix(T_odom_body(seconds)), VELOCITY, RATE)
    return motion


def autopilot(until_s: float, period_s: float = 0.02) -> MotionHistory:
    motion = MotionHistory()
    for seconds in np.arange(0.0, until_s + 1e-9, period_s):
        T = T_odom_body(seconds)
        motion.add_velocity(ns(seconds), position_quat(T)[1], T[:3, :3] @ VELOCITY, RATE)
    return motion


def assert_is(estimate: Estimate, T_expected: np.ndarray, metres: float, radians: float) -> None:
    position, quat_xyzw = position_quat(T_expected)
    assert np.linalg.norm(estimate.position - position) < metres
    assert angular_distance(estimate.quat_xyzw, quat_xyzw) < radians


@pytest.mark.parametrize("history", [odometry, autopilot])
@pytest.mark.parametrize("then, now", [(0.5, 0.6), (0.5, 0.9), (0.513, 0.777), (0.5, 0.5)])
def test_known_motion_is_followed(history, then, now):
    projected = project(make_estimate(then), ns(now), history(1.0), T_BODY_CAMERA)
    assert projected.stamp_ns == ns(now)
    assert_is(projected, T_parent_camera(now), 1e-3, 1e-4)


def test_without_projection_it_would_be_far_off():
    """What is at stake: 0.3 s at 1.2 m/s and 0.8 rad/s."""
    moved = np.linalg.norm(T_parent_camera(0.8)[:3, 3] - T_parent_camera(0.5)[:3, 3])
    assert moved > 0.25


@pytest.mark.parametrize("history", [odometry, autopilot])
def test_beyond_the_newest_odometry_velocity_carries_on(history):
    projected = project(make_estimate(0.9), ns(1.1), history(1.0), T_BODY_CAMERA)
    assert_is(projected, T_parent_camera(1.1), 0.01, 1e-3)


def test_a_gimbal_that_turned_on_the_way_is_told():
    turned = T_BODY_CAMERA @ pose_matrix(np.zeros(3), Rotation.from_rotvec([0.0, 0.3, 0.0]).as_quat())
    projected = project(make_estimate(0.5), ns(0.8), odometry(1.0), T_BODY_CAMERA, turned)
    assert_is(projected, T_parent_camera(0.8, turned), 1e-3, 1e-4)


def test_where_odometry_began_does_not_matter():
    elsewhere = MotionHistory()
    T_other_odom = pose_matrix(np.array([100.0, -50.0, 3.0]), Rotation.from_rotvec([0.0, 0.0, 2.5]).as_quat())
    for seconds in np.arange(0.0, 1.0, 0.02):
        elsewhere.add_pose(ns(seconds), Pose.from_matrix(T_other_odom @ T_odom_body(seconds)), VELOCITY, RATE)
    one, other = (project(make_estimate(0.5), ns(0.7), m, T_BODY_CAMERA) for m in (odometry(1.0), elsewhere))
    assert np.allclose(one.position, other.position, atol=1e-9)


@pytest.mark.parametrize(
    "then, now, message",
    [
        (0.5, 1.01, "a projection over 0.510 s"),
        (0.5, 0.49, "a projection over -0.010 s"),
        (0.9, 1.11, "odometry ends 0.110 s before"),
        (-0.1, 0.2, "odometry begins 0.100 s after"),
    ],
)
def test_what_is_not_known_is_refused(then, now, message):
    with pytest.raises(SyncError, match=message):
        project(make_estimate(then), ns(now), odometry(1.0), T_BODY_CAMERA)


def test_no_odometry_is_refused():
    with pytest.raises(SyncError, match="no odometry yet"):
        project(make_estimate(0.5), ns(0.6), MotionHistory(), T_BODY_CAMERA)


def test_only_the_newest_is_kept():
    motion = MotionHistory(keep_s=0.2)
    for seconds in np.arange(0.0, 1.0, 0.02):
        motion.add_pose(ns(seconds), Pose.from_matrix(T_odom_body(seconds)), VELOCITY, RATE)
    oldest, newest = motion.span_ns
    assert newest - oldest <= 0.2e9
    assert oldest > ns(0.7)


def test_a_loop_forgets_and_a_repetition_replaces():
    motion = odometry(1.0)
    motion.add_pose(ns(1.0), Pose.from_matrix(T_odom_body(1.0)), VELOCITY, RATE)
    assert motion.span_ns == (ns(0.0), ns(1.0))
    motion.add_pose(ns(0.5), Pose.from_matrix(T_odom_body(0.5)), VELOCITY, RATE)
    assert motion.span_ns == (ns(0.5), ns(0.5))


def jumped(T_jump: np.ndarray, period_s: float) -> MotionHistory:
    """Odometry of a second that is in another frame after half of it."""
    motion = MotionHistory()
    for seconds in np.arange(0.0, 1.0 + 1e-9, period_s):
        T = T_odom_body(seconds)
        motion.add_pose(ns(seconds), Pose.from_matrix(T_jump @ T if seconds > 0.51 else T), VELOCITY, RATE)
    return motion


@pytest.mark.parametrize("period_s", [0.005, 0.02, 0.05])
@pytest.mark.parametrize("metres, degrees", [(0.5, 0.0), (0.0, 20.0), (-6.0, 170.0)])
def test_odometry_that_jumps_is_none_across_the_jump(metres, degrees, period_s):
    """A filter that is reset, or closes a loop: the camera did not fly what lies between."""
    R = Rotation.from_rotvec(np.radians([0, 0, degrees])).as_quat()
    # about where the body is
    about = pose_matrix(T_odom_body(0.5)[:3, 3], np.array([0, 0, 0, 1.0]))
    motion = jumped(about @ pose_matrix(np.array([metres, 0, 0]), R) @ invert(about), period_s)
    with pytest.raises(SyncError, match="after the wanted stamp: it jumped by"):
        project(make_estimate(0.4), ns(0.7), motion, T_BODY_CAMERA)
    projected = project(make_estimate(0.6), ns(0.9), motion, T_BODY_CAMERA)
    assert_is(projected, T_parent_camera(0.9), 1e-3, 1e-3)


def test_odometry_is_no_way_across_a_gap():
    motion = MotionHistory()
    for seconds in (0.0, 0.02, 0.04, 0.6, 0.62):
        motion.add_pose(ns(seconds), Pose.from_matrix(T_odom_body(seconds)), VELOCITY, RATE)
    with pytest.raises(SyncError, match="0.200 s after the wanted stamp: there was none for 0.56 s"):
        project(make_estimate(0.4), ns(0.62), motion, T_BODY_CAMERA)


@pytest.mark.parametrize("rate_hz", [5, 10, 30, 200])
def test_what_a_drone_may_do_and_stamps_of_arrival_are_no_jump(rate_hz):
    """Swinging to and fro by 3 m/s, 15 m/s2 and 6 rad/s, seen with 5 mm of noise, stamped up to 15 ms late."""
    rng, motion = np.random.default_rng(0), MotionHistory()
    times_s = np.arange(0.0, 1.9, 1 / rate_hz)
    late_s = np.minimum(rng.uniform(0, 0.015, len(times_s)), 0.5 / rate_hz)
    for seconds, late in zip(times_s, late_s):
        quat = Rotation.from_rotvec([0, 0, 1.2 * np.sin(5 * seconds)]).as_quat()
        position = np.array([0.6 * np.sin(5 * seconds), 0, 0]) + rng.normal(0, 0.005, 3)
        motion.add_pose(ns(seconds + late), Pose(position, quat), np.zeros(3), np.zeros(3))
    assert motion.span_ns[0] == ns(late_s[0])


def test_covariance_grows_with_the_horizon():
    motion = odometry(1.0)
    grown = [project(make_estimate(0.5), ns(now), motion, T_BODY_CAMERA).covariance for now in (0.5, 0.6, 0.8, 0.95)]
    assert np.allclose(grown[0], COVARIANCE)
    for before, after in zip(grown, grown[1:]):
        assert np.trace(after[:3, :3]) > np.trace(before[:3, :3])
        assert np.linalg.eigvalsh(after[3:, 3:] - before[3:, 3:]).min() > 0


def test_covariance_is_that_of_many_wrong_estimates():
    """Estimates wrong by COVARIANCE, carried on by a perfect odometry, scatter as the projected covariance says."""
    rng, motion = np.random.default_rng(0), odometry(1.0)
    perfect = ProjectionSettings(sigma_velocity=1e-9, sigma_rate=1e-9)
    good = make_estimate(0.5)
    expected = project(good, ns(0.9), motion, T_BODY_CAMERA, settings=perfect)
    rotation = Rotation.from_quat(expected.quat_xyzw)
    errors = []
    for error in rng.multivariate_normal(np.zeros(6), COVARIANCE, size=1500):
        T = pose_matrix(
            good.position + error[:3], (Rotation.from_rotvec(error[3:]) * Rotation.from_quat(good.quat_xyzw)).as_quat()
        )
        wrong = Estimate(good.stamp_ns, Pose.from_matrix(T), 2, 0.01, np.zeros(1), State.OK, "", COVARIANCE)
        out = project(wrong, ns(0.9), motion, T_BODY_CAMERA, settings=perfect)
        turn = (Rotation.from_quat(out.quat_xyzw) * rotation.inv()).as_rotvec()
        errors.append(np.concatenate([out.position - expected.position, turn]))
    assert np.allclose(np.cov(np.transpose(errors)), expected.covariance, atol=0.1 * COVARIANCE.max())


def test_without_covariance_there_is_none():
    estimate = replace(make_estimate(0.5), covariance=None)
    assert project(estimate, ns(0.6), odometry(1.0), T_BODY_CAMERA).covariance is None

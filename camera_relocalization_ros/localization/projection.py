# SPDX-License-Identifier: BSD-3-Clause
"""Projects an estimate to a later time by the motion of odometry, or of velocity and attitude; knows no ROS.

An image is localized some tens of milliseconds after it was taken, and the camera has moved on:

    T_parent_camera(now) = T_parent_camera(then) @ T_camera(then)_odom @ T_odom_camera(now)

Only the motion in between is taken of the odometry, so that its drift, and where it began, do not matter. The parent,
an airframe for one, must stand still in the odometry's frame.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import SyncError
from camera_relocalization_ros.core.geometry import invert, pose_matrix
from camera_relocalization_ros.core.pose import Pose, Poses, lever_jacobian
from camera_relocalization_ros.core.trajectory import Trajectory, interpolated
from camera_relocalization_ros.localization.estimate import Estimate

# Of odometry, one pose may be so far (m, rad) from where the velocity of those before leads: noise and quantization,
# what a drone can be accelerated by (m/s2, rad/s2), and what stamps of arrival err by (s). More is a jump: the filter
# behind the odometry was reset, or closed a loop.
NOISE_M, NOISE_RAD = 0.1, 0.1
ACCELERATION_M, ACCELERATION_RAD = 50.0, 100.0
STAMP_ERROR_S = 0.02
# by no drone, from one pose to the next where none before tells a velocity (m/s, rad/s)
MAX_SPEED, MAX_RATE = 50.0, 30.0
# without a pose for longer the way is not known
MAX_GAP_S = 0.5


@dataclass(frozen=True)
class ProjectionSettings:
    """How far to project at most, and beyond the newest odometry; deviations of its velocity (m/s) and rate (rad/s)."""

    max_horizon_s: float = 0.5
    max_extrapolation_s: float = 0.1
    sigma_velocity: float = 0.1
    sigma_rate: float = 0.02


class MotionHistory:
    """The newest `keep_s` seconds of how the body moved in an odometry frame; not thread-safe.

    It begins anew, and says why where it does not reach back, when stamps go back, after a gap, and after a jump.

    Velocities and rates belong to the newest pose and serve to go beyond it: velocity (3,) in m/s in the odometry
    frame, rate (3,) in rad/s about the body's axes (x forward, y left, z up), as a gyroscope has it.
    """

    def __init__(self, keep_s: float = 2.0) -> None:
        self._keep_ns = round(keep_s * 1e9)
        self._poses: deque[tuple[int, Pose]] = deque()
        self._velocity, self._rate = np.zeros(3), np.zeros(3)
        # between the last two poses: m/s, and rad/s about the body's axes; None where there is but one
        self._step: tuple[np.ndarray, np.ndarray] | None = None
        self._why_anew = ""

    @property
    def span_ns(self) -> tuple[int, int]:
        """Stamps of the oldest and newest pose; raises SyncError when there is none."""
        if not self._poses:
            raise SyncError("no odometry yet")
        return self._poses[0][0], self._poses[-1][0]

    def clear(self) -> None:
        """Forget everything."""
        self._poses.clear()
        self._step, self._why_anew = None, ""

    def add_pose(self, stamp_ns: int, pose: Pose, velocity_body: np.ndarray, rate: np.ndarray) -> None:
        """As nav_msgs/Odometry has it: pose of the body in the odometry frame, velocity and rate along body axes."""
        self._append(stamp_ns, pose, pose.rotation.apply(velocity_body), rate)

    def add_velocity(self, stamp_ns: int, quat_xyzw: np.ndarray, velocity: np.ndarray, rate: np.ndarray) -> None:
        """As an autopilot has it: attitude of the body and its velocity in a level frame (ENU).

        Positions are summed up; the odometry frame begins where the body was at the first call.
        """
        position = np.zeros(3)
        if self._poses and stamp_ns >= self._poses[-1][0]:
            before_ns, before = self._poses[-1]
            position = before.position + (stamp_ns - before_ns) / 1e9 * (self._velocity + velocity) / 2
        self._append(stamp_ns, Pose(position, quat_xyzw), velocity, rate)

    def T_odom_body(self, stamp_ns: int, max_extrapolation_s: float = 0.0) -> np.ndarray:
        """(4, 4) at a stamp, interpolated, or at constant velocity beyond the newest pose; raises SyncError."""
        oldest_ns, newest_ns = self.span_ns
        ahead_s = (stamp_ns - newest_ns) / 1e9
        if stamp_ns < oldest_ns or ahead_s > max_extrapolation_s:
            raise SyncError(
                f"odometry ends {ahead_s:.3f} s before the wanted stamp; allowed are {max_extrapolation_s} s"
                if ahead_s > 0
                else f"odometry begins {(oldest_ns - stamp_ns) / 1e9:.3f} s after the wanted stamp{self._why_anew}"
            )
        if ahead_s <= 0:
            poses = Poses.stack(pose for _, pose in self._poses)
            stamps_ns = np.array([each_ns for each_ns, _ in self._poses], dtype=np.int64)
            return interpolated(Trajectory(stamps_ns, poses.positions, poses.quats_xyzw), stamp_ns).matrix
        _, newest = self._poses[-1]
        turned = newest.rotation * Rotation.from_rotvec(self._rate * ahead_s)
        return pose_matrix(newest.position + self._velocity * ahead_s, turned.as_quat())

    def _append(self, stamp_ns: int, pose: Pose, velocity: np.ndarray, rate: np.ndarray) -> None:
        if self._poses and stamp_ns == self._poses[-1][0]:
            self._poses.pop()
        elif self._poses and stamp_ns < self._poses[-1][0]:
            # a looped bag: what was before has nothing to do with what comes
            self.clear()
        if self._poses:
            why_anew = self._step_to(stamp_ns, pose)
            if why_anew:
                self.clear()
                self._why_anew = f": {why_anew}"
        self._poses.append((stamp_ns, pose))
        self._velocity, self._rate = np.array(velocity, float), np.array(rate, float)
        while stamp_ns - self._poses[0][0] > self._keep_ns:
            self._poses.popleft()

    def _step_to(self, stamp_ns: int, pose: Pose) -> str:
        """Remember the step from the newest pose to this one; why it is none of a motion, "" when it is one."""
        before_ns, before = self._poses[-1]
        step_s = (stamp_ns - before_ns) / 1e9
        if step_s > MAX_GAP_S:
            return f"there was none for {step_s:.2f} s"
        moved, turned = pose.position - before.position, (before.rotation.inv() * pose.rotation).as_rotvec()
        last, self._step = self._step, (moved / step_s, turned / step_s)
        if last is None:
            limits = MAX_SPEED * step_s + NOISE_M, MAX_RATE * step_s + NOISE_RAD
            off = np.linalg.norm(moved), np.linalg.norm(turned)
        else:
            speed, rate = (float(np.linalg.norm(one)) for one in last)
            limits = (
                NOISE_M + ACCELERATION_M / 2 * step_s**2 + STAMP_ERROR_S * speed,
                NOISE_RAD + ACCELERATION_RAD / 2 * step_s**2 + STAMP_ERROR_S * rate,
            )
            off = np.linalg.norm(moved - last[0] * step_s), np.linalg.norm(turned - last[1] * step_s)
        if off[0] <= limits[0] and off[1] <= limits[1]:
            return ""
        return f"it jumped by {np.linalg.norm(moved):.2f} m and {np.degrees(np.linalg.norm(turned)):.0f} deg"


def project(
    estimate: Estimate,
    to_stamp_ns: int,
    motion: MotionHistory,
    T_body_camera: np.ndarray,
    T_body_camera_now: np.ndarray | None = None,
    settings: ProjectionSettings = ProjectionSettings(),
) -> Estimate:
    """The estimate at a later stamp, with a covariance that grew on the way.

    T_body_camera (4, 4): the optical frame in the body when the image was taken; T_body_camera_now: at the later stamp,
    where a gimbal turned it. Raises SyncError when the stamp is earlier, too far ahead, or the motion is not known.
    """
    horizon_s = (to_stamp_ns - estimate.stamp_ns) / 1e9
    if not 0 <= horizon_s <= settings.max_horizon_s:
        raise SyncError(f"a projection over {horizon_s:.3f} s; expected 0 to {settings.max_horizon_s} s")
    T_body_camera_now = T_body_camera if T_body_camera_now is None else T_body_camera_now
    T_odom_then = motion.T_odom_body(estimate.stamp_ns, settings.max_extrapolation_s) @ T_body_camera
    T_odom_now = motion.T_odom_body(to_stamp_ns, settings.max_extrapolation_s) @ T_body_camera_now
    pose = Pose.from_matrix(estimate.pose.matrix @ invert(T_odom_then) @ T_odom_now)
    covariance = estimate.covariance
    if covariance is not None:
        covariance = _grown(covariance, pose.position - estimate.position, horizon_s, settings)
    return replace(estimate, stamp_ns=to_stamp_ns, pose=pose, covariance=covariance)


def _grown(covariance: np.ndarray, moved: np.ndarray, horizon_s: float, settings: ProjectionSettings) -> np.ndarray:
    """The covariance (6, 6) after a move (3,) in axes of the parent: a wrong rotation sends the move astray."""
    transition = lever_jacobian(moved)
    added = np.repeat([settings.sigma_velocity, settings.sigma_rate], 3) * horizon_s
    grown: np.ndarray = transition @ covariance @ transition.T + np.diag(added**2)
    return grown

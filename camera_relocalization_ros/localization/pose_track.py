# SPDX-License-Identifier: BSD-3-Clause
"""One moving camera under a constant-velocity error-state Kalman filter on positions and rotations; knows no gates.

Errors are where geometry_msgs/PoseWithCovariance has them: metres along and radians about the fixed axes of the parent
frame, so a rotation R with the error e is Exp(e) R. Terms of second order (the Jacobian of Exp, the reset of the
error's frame) are left out: some per cent at errors of a tenth of a radian.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.chi_square import squared_distance
from camera_relocalization_ros.core.pose import Pose, pose_residual


@dataclass(frozen=True)
class Measured:
    """A pose and its covariance (6, 6), of one measurement."""

    stamp_ns: int
    pose: Pose
    covariance: np.ndarray


@dataclass(frozen=True)
class Motion:
    """What a camera does: deviations of acceleration (m/s^2) and angular acceleration (rad/s^2) per root of a hertz,
    and of speed (m/s) and turn rate (rad/s) when nothing is known yet."""

    acceleration: float
    angular_acceleration: float
    speed: float
    turn_rate: float


# errors of the state (12,): of position and rotation, of velocity and rate
POSE, TWIST = slice(0, 6), slice(6, 12)


class PoseTrack:
    """Begins with a pose at rest, and is then predicted and corrected in the order of stamps."""

    def __init__(self, measured: Measured, motion: Motion) -> None:
        self.stamp_ns = self.corrected_ns = measured.stamp_ns
        self.pose = measured.pose
        self.velocity, self.rate = np.zeros(3), np.zeros(3)
        self.covariance = np.zeros((12, 12))
        self.covariance[POSE, POSE] = measured.covariance
        self.covariance[TWIST, TWIST] = np.diag(np.repeat([motion.speed, motion.turn_rate], 3) ** 2)
        self._density = np.repeat([motion.acceleration, motion.angular_acceleration], 3) ** 2

    @property
    def pose_covariance(self) -> np.ndarray:
        """(6, 6) of position and rotation."""
        return self.covariance[POSE, POSE]

    def predict(self, stamp_ns: int) -> None:
        """Go on to a later stamp at constant velocity and rate."""
        dt = (stamp_ns - self.stamp_ns) / 1e9
        turn = Rotation.from_rotvec(self.rate * dt)
        self.pose, self.stamp_ns = self._moved(self.velocity * dt, turn), stamp_ns
        transition = np.eye(12)
        transition[3:6, 3:6] = turn.as_matrix()
        transition[POSE, TWIST] = dt * np.eye(6)
        # white acceleration, integrated exactly
        noise = np.kron([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]], np.diag(self._density))
        self.covariance = transition @ self.covariance @ transition.T + noise

    def predicted(self, stamp_ns: int, floor: np.ndarray) -> Measured:
        """What `predict` would come to at a stamp, from a pose no surer than a covariance (6, 6); changes nothing."""
        ahead = copy.copy(self)
        ahead.covariance = self.covariance.copy()
        ahead.covariance[POSE, POSE] = at_least(self.pose_covariance, floor)
        ahead.predict(stamp_ns)
        return Measured(stamp_ns, ahead.pose, ahead.pose_covariance)

    def distance_squared(self, measured: Measured) -> float:
        """Squared Mahalanobis distance of a measured pose from the predicted one, of six degrees of freedom."""
        innovation = pose_residual(measured.pose, self.pose)
        return float(squared_distance(innovation, self.pose_covariance + measured.covariance))

    def correct(self, measured: Measured) -> None:
        """Take in a measured pose of the track's stamp."""
        gain = np.linalg.solve(self.pose_covariance + measured.covariance, self.covariance[POSE]).T  # (12, 6)
        error = gain @ pose_residual(measured.pose, self.pose)
        self.pose = self._moved(error[:3], Rotation.from_rotvec(error[3:6]))
        self.velocity, self.rate = self.velocity + error[6:9], self.rate + error[9:]
        kept = np.eye(12)
        kept[:, POSE] -= gain
        # Joseph's form stays positive definite
        self.covariance = kept @ self.covariance @ kept.T + gain @ measured.covariance @ gain.T
        self.corrected_ns = self.stamp_ns

    def _moved(self, by: np.ndarray, turn: Rotation) -> Pose:
        return Pose(self.pose.position + by, (turn * self.pose.rotation).as_quat())


def at_least(covariance: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """The covariance (n, n), made as large as a positive definite `floor` (n, n) in every direction."""
    shares, directions = eigh(covariance, floor)
    columns = floor @ directions
    enlarged: np.ndarray = (columns * np.maximum(shares, 1.0)) @ columns.T
    return enlarged

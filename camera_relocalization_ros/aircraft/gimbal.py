# SPDX-License-Identifier: BSD-3-Clause
"""The Zenmuse X3 below a DJI M100: joint angles to frames and back; DJI's own angles are in aircraft/dji.py.

Offsets and axes are those of the source system's URDF (axes: yaw -z, roll +x, pitch -y), as in urdf/m100_x3.urdf;
body is FLU, the camera link FLU at zero angles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

# metres, each in the frame before it
YAW_OFFSET = (0.11, 0.0, 0.0)
ROLL_OFFSET = (-0.0508, 0.0, -0.082)
PITCH_OFFSET = (0.068, -0.039, 0.0)
CAMERA_OFFSET = (0.0, 0.05, 0.0)
# the mechanical range of each joint in degrees: the range of commands in the OSDK's header
JOINT_LIMITS_DEG = {"yaw": (-320.0, 320.0), "roll": (-35.0, 35.0), "pitch": (-90.0, 30.0)}

# an optical frame looks along z with x right and y down (REP 103)
R_LINK_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class GimbalFrames:
    """Transforms (..., 4, 4) along the chain, each link in the one before it."""

    T_body_yaw: np.ndarray
    T_yaw_roll: np.ndarray
    T_roll_pitch: np.ndarray
    T_pitch_link: np.ndarray
    T_link_optical: np.ndarray

    def T_body_optical(self) -> np.ndarray:
        """The camera's optical frame in the body frame."""
        T_body_optical: np.ndarray = (
            self.T_body_yaw @ self.T_yaw_roll @ self.T_roll_pitch @ self.T_pitch_link @ self.T_link_optical
        )
        return T_body_optical


def gimbal_frames(yaw: np.ndarray, roll: np.ndarray, pitch: np.ndarray) -> GimbalFrames:
    """The chain for joint angles (...,) in radians; positive yaw turns right, positive pitch looks up."""
    fixed = np.zeros(np.shape(yaw))
    return GimbalFrames(
        _joint(YAW_OFFSET, "z", -np.asarray(yaw)),
        _joint(ROLL_OFFSET, "x", np.asarray(roll)),
        _joint(PITCH_OFFSET, "y", -np.asarray(pitch)),
        _joint(CAMERA_OFFSET, "z", fixed),
        T_link_optical(),
    )


def T_link_optical() -> np.ndarray:
    """The optical frame (4, 4) in the camera link: same place, other axes."""
    transform = np.eye(4)
    transform[:3, :3] = R_LINK_OPTICAL
    return transform


def joint_angles(R_body_link: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Yaw, roll and pitch (...,) in radians that turn the camera link (..., 3, 3) as wanted."""
    angles = Rotation.from_matrix(R_body_link).as_euler("ZXY")
    return -angles[..., 0], angles[..., 1], -angles[..., 2]


def _joint(offset: tuple[float, float, float], axis: str, angle: np.ndarray) -> np.ndarray:
    transform = np.zeros(np.shape(angle) + (4, 4))
    transform[..., :3, :3] = (
        Rotation.from_euler(axis, np.reshape(angle, (-1, 1))).as_matrix().reshape(np.shape(angle) + (3, 3))
    )
    transform[..., :3, 3] = offset
    transform[..., 3, 3] = 1.0
    return transform

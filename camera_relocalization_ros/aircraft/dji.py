# SPDX-License-Identifier: BSD-3-Clause
"""What DJI's angles and quaternions mean: the conventions of its gimbal and attitude topics, as rotations.

DJI reports degrees in NED, in the order Z-Y-X, for the gimbal as for the aircraft. Rotations are composed, never
subtracted as Euler angles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.gimbal import joint_angles
from camera_relocalization_ros.core.errors import ConfigError

R_ENU_NED = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
R_FLU_FRD = np.diag([1.0, -1.0, -1.0])
# axes of the ground and of the body in the aircraft's attitude: since OSDK 3.3, and up to 3.2
ATTITUDES = ("enu_flu", "ned_frd")
NAMED_ORDER = ("roll", "pitch", "yaw")


@dataclass(frozen=True)
class GimbalConvention:
    """How a data set writes its gimbal and attitude.

    `order` names the components of the gimbal's vector; `yaw_reference` is "north", or "body" when yaw is counted from
    the aircraft's heading; `attitude` is "enu_flu" (OSDK 3.3 and later) or "ned_frd" (up to 3.2).
    """

    order: tuple[str, ...]
    yaw_reference: str = "north"
    attitude: str = "enu_flu"

    def roll_pitch_yaw(self, vectors: np.ndarray) -> np.ndarray:
        """The vectors (..., 3) of the gimbal's topic as roll, pitch, yaw."""
        return np.asarray(vectors, dtype=np.float64)[..., [self.order.index(name) for name in NAMED_ORDER]]


CONVENTIONS = {
    # OSDK 3.3 and later, broadcast: the only way on an M100
    "broadcast": GimbalConvention(("roll", "pitch", "yaw")),
    # OSDK 3.3 and later, subscription: A3, N3, M600, M210
    "subscription": GimbalConvention(("pitch", "roll", "yaw")),
    # OSDK up to 3.2: dji_sdk/Gimbal and dji_sdk/AttitudeQuaternion
    "osdk32": GimbalConvention(("pitch", "yaw", "roll"), attitude="ned_frd"),
    # Ronin-MX, which counts yaw from the aircraft's heading (Onboard-SDK-ROS issue 104)
    "broadcast_body_yaw": GimbalConvention(("roll", "pitch", "yaw"), yaw_reference="body"),
}


def convention_named(name: str) -> GimbalConvention:
    """The convention of that name; raises ConfigError that lists the known ones."""
    if name not in CONVENTIONS:
        raise ConfigError(f"gimbal convention {name!r}; expected one of {', '.join(CONVENTIONS)}")
    return CONVENTIONS[name]


def enu_attitude(quats_xyzw: np.ndarray, attitude: str) -> np.ndarray:
    """Quaternions (N, 4) of the body FLU in ENU, of what the aircraft reports (N, 4); `attitude` is of ATTITUDES."""
    quats_xyzw = np.asarray(quats_xyzw, dtype=np.float64).reshape(-1, 4)
    if attitude == "enu_flu":
        return quats_xyzw
    R_ned_frd = Rotation.from_quat(quats_xyzw).as_matrix()
    enu_flu: np.ndarray = Rotation.from_matrix(R_ENU_NED @ R_ned_frd @ R_FLU_FRD.T).as_quat()
    return enu_flu


def R_enu_link_from_dji(roll_pitch_yaw: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) of the camera link in ENU, of its roll, pitch, yaw (..., 3) in radians and NED."""
    R_ned_frd = Rotation.from_euler("ZYX", np.asarray(roll_pitch_yaw)[..., ::-1]).as_matrix()
    R_enu_link: np.ndarray = R_ENU_NED @ R_ned_frd @ R_FLU_FRD.T
    return R_enu_link


def dji_gimbal_angles(R_enu_link: np.ndarray) -> np.ndarray:
    """The inverse of `R_enu_link_from_dji`: roll, pitch, yaw (..., 3) in radians.

    Near pitch -90 degrees roll and yaw are no longer apart; their combination still is right.
    """
    R_ned_frd = R_ENU_NED.T @ np.asarray(R_enu_link) @ R_FLU_FRD
    roll_pitch_yaw: np.ndarray = Rotation.from_matrix(R_ned_frd).as_euler("ZYX")[..., ::-1]
    return roll_pitch_yaw


def ned_heading(R_enu_body: np.ndarray) -> np.ndarray:
    """Where the nose points (...,), in radians clockwise from north, of the body FLU (..., 3, 3) in ENU."""
    nose_east, nose_north = R_enu_body[..., 0, 0], R_enu_body[..., 1, 0]
    return np.arctan2(nose_east, nose_north)


def R_enu_link(roll_pitch_yaw_deg: np.ndarray, R_enu_body: np.ndarray, convention: GimbalConvention) -> np.ndarray:
    """Rotations (N, 3, 3) of the camera link in ENU, of gimbal angles (N, 3) and the body (N, 3, 3) at their stamps."""
    angles = np.radians(np.asarray(roll_pitch_yaw_deg, dtype=np.float64).reshape(-1, 3))
    if convention.yaw_reference == "body":
        angles[:, 2] += ned_heading(R_enu_body)
    return R_enu_link_from_dji(angles)


def dji_joint_angles(
    roll_pitch_yaw_deg: np.ndarray, quats_enu_body: np.ndarray, convention: GimbalConvention
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joint angles yaw, roll, pitch (N,) in radians, of gimbal angles (N, 3) and the body (N, 4) in ENU."""
    R_enu_body = Rotation.from_quat(np.reshape(quats_enu_body, (-1, 4))).as_matrix()
    return joint_angles(np.swapaxes(R_enu_body, 1, 2) @ R_enu_link(roll_pitch_yaw_deg, R_enu_body, convention))

# SPDX-License-Identifier: BSD-3-Clause
"""Stamps and attitudes of messages of any type that has them, by their fields; needs nothing of the aircraft."""

from __future__ import annotations

from typing import Any

import numpy as np

from camera_relocalization_ros.core.errors import FrameError

# w, x, y, z in dji_sdk/AttitudeQuaternion
DJI_QUATERNION = ("q0", "q1", "q2", "q3")


def stamp_of(message: Any) -> int:
    """The header's stamp in nanoseconds; raises FrameError."""
    header = getattr(message, "header", None)
    if header is None or header.stamp.is_zero():
        raise FrameError(f"{message._type} without a stamp")
    return int(header.stamp.to_nsec())


def attitude_of(message: Any) -> np.ndarray:
    """Unit quaternion (4,) xyzw: of QuaternionStamped, Imu, or DJI's q0 to q3; raises FrameError."""
    turn = getattr(message, "quaternion", None) or getattr(message, "orientation", None)
    if turn is not None:
        values = [turn.x, turn.y, turn.z, turn.w]
    elif all(hasattr(message, name) for name in DJI_QUATERNION):
        values = [message.q1, message.q2, message.q3, message.q0]
    else:
        raise FrameError(f"{message._type} holds no attitude; expected quaternion, orientation, or q0 to q3")
    quat_xyzw = np.array(values, dtype=np.float64)
    length = np.linalg.norm(quat_xyzw)
    if not abs(length - 1.0) < 1e-2:
        raise FrameError(f"attitude {values} is not of length 1")
    return quat_xyzw / length

# SPDX-License-Identifier: BSD-3-Clause
"""Joint angles of the gimbal from what the aircraft reports, live or from a recording; knows nothing of messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from camera_relocalization_ros.aircraft.attitude import AttitudeJoin, Joined, attitude_at
from camera_relocalization_ros.aircraft.dji import GimbalConvention, dji_joint_angles, enu_attitude

# DJI sends attitude at 100 Hz; ten lost ones in a row are as much as an aircraft's turn may be interpolated over
MAX_GAP_S = 0.1


class JointSample(NamedTuple):
    """Joint angles in radians at the stamp of a gimbal sample; yaw within -pi and pi."""

    stamp_ns: int
    yaw: float
    roll: float
    pitch: float


@dataclass(frozen=True)
class JointTrack:
    """Joint angles (N,) in radians at stamps (N,) int64, ascending."""

    stamps_ns: np.ndarray
    yaw: np.ndarray
    roll: np.ndarray
    pitch: np.ndarray


class GimbalJoints:
    """Fed attitudes and gimbal angles in any order, returns joint angles once the attitude on both sides is known.

    Attitudes are quaternions (4,) xyzw as reported, gimbal angles are roll, pitch, yaw (3,) in degrees as reported.
    """

    def __init__(self, convention: GimbalConvention, max_gap_s: float = MAX_GAP_S) -> None:
        self._convention = convention
        self._join = AttitudeJoin(max_gap_s)

    @property
    def refused(self) -> Counter[str]:
        """How many gimbal samples got no attitude, by reason."""
        return self._join.refused

    def add_attitude(self, stamp_ns: int, quat_xyzw: np.ndarray) -> list[JointSample]:
        """Take an attitude; returns what it completes."""
        return self._samples(self._join.add_attitude(stamp_ns, enu_attitude(quat_xyzw, self._convention.attitude)[0]))

    def add_gimbal(self, stamp_ns: int, roll_pitch_yaw_deg: np.ndarray) -> list[JointSample]:
        """Take a gimbal sample; returns what is complete."""
        return self._samples(self._join.add_sample(stamp_ns, roll_pitch_yaw_deg))

    def _samples(self, joined: list[Joined]) -> list[JointSample]:
        if not joined:
            return []
        angles, quats = np.array([one.sample for one in joined]), np.array([one.quat_xyzw for one in joined])
        rows = zip(joined, *dji_joint_angles(angles, quats, self._convention))
        return [JointSample(one.stamp_ns, float(yaw), float(roll), float(pitch)) for one, yaw, roll, pitch in rows]


def joint_track(
    gimbal: tuple[np.ndarray, np.ndarray],
    attitude: tuple[np.ndarray, np.ndarray],
    convention: GimbalConvention,
    max_gap_s: float = MAX_GAP_S,
) -> tuple[JointTrack, Counter[str]]:
    """As `GimbalJoints`, of a whole recording: the joint angles, and why how many gimbal samples have none.

    `gimbal`: stamps (N,), roll, pitch, yaw (N, 3) in degrees; `attitude`: stamps (M,), quaternions (M, 4); stamps
    strictly ascending.
    """
    stamps_ns, angles_deg = gimbal
    faults, quats = attitude_at(attitude[0], enu_attitude(attitude[1], convention.attitude), stamps_ns, max_gap_s)
    known = faults == ""
    angles = dji_joint_angles(angles_deg[known], quats, convention) if known.any() else (np.zeros(0),) * 3
    return JointTrack(stamps_ns[known], *angles), Counter(fault for fault in faults if fault)

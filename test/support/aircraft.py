# SPDX-License-Identifier: BSD-3-Clause
"""What an aircraft of the simulation sends, without pictures: messages of its sensors for bags and live tests."""

from __future__ import annotations

from typing import Any

import pymap3d
from geometry_msgs.msg import QuaternionStamped, Vector3Stamped
from sensor_msgs.msg import NavSatFix
from std_msgs.msg import Header

from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.simulation_bag import ORIGIN_GEODETIC
from camera_relocalization_ros.ros.message_classes import message_class
from camera_relocalization_ros.simulation.recording import Recording

HEADER_TEXT = "\n" + "=" * 80 + "\nMSG: std_msgs/Header\nuint32 seq\ntime stamp\nstring frame_id\n"
# the types of OSDK 3.2, which is not installed: a bag or a connection brings their definitions along
OLD_TYPES = {
    "dji_sdk/Gimbal": "Header header\nint32 ts\nfloat32 pitch\nfloat32 yaw\nfloat32 roll\n",
    "dji_sdk/AttitudeQuaternion": "Header header\nfloat32 q0\nfloat32 q1\nfloat32 q2\nfloat32 q3\nfloat32 wx\n"
    "float32 wy\nfloat32 wz\nint32 ts\n",
    "dji_sdk/A3_RTK": "int32 date\nint32 time\nfloat64 longitude_RTK\nfloat64 latitude_RTK\n"
    "float32 height_above_sea_RTK\nfloat32 velocity_north\nfloat32 velocity_east\nfloat32 velocity_ground\n"
    "int16 yaw\nuint8 position_flag\nuint8 yaw_flag\n",
    "dji_sdk/A3_GPS": "int32 date\nint32 time\nint32 longitude\nint32 latitude\nint32 height_above_sea\n"
    "float32 velocity_north\nfloat32 velocity_east\nfloat32 velocity_ground\n",
}


def old_type(name: str) -> type:
    """The message class of an OSDK 3.2 type."""
    return message_class(name, OLD_TYPES[name] + HEADER_TEXT, md5sum="")


def header(stamp_ns: int) -> Header:
    return Header(stamp=conversions.stamp_from_ns(int(stamp_ns)))


def attitude_messages(recording: Recording, rate_hz: float = 100) -> list[tuple[int, QuaternionStamped]]:
    """(stamp, message) as OSDK 3.3 and later."""
    stamps_ns = recording.stamps_ns(rate_hz)
    messages = []
    for stamp_ns, quat in zip(stamps_ns, recording.attitudes(stamps_ns)):
        message = QuaternionStamped(header=header(stamp_ns))
        turn = message.quaternion
        turn.x, turn.y, turn.z, turn.w = quat.tolist()
        messages.append((int(stamp_ns), message))
    return messages


def gimbal_messages(recording: Recording, rate_hz: float = 50, order: str = "rpy") -> list[tuple[int, Vector3Stamped]]:
    """(stamp, message) with the components in an order of roll, pitch, yaw."""
    stamps_ns = recording.stamps_ns(rate_hz)
    messages = []
    for stamp_ns, angles in zip(stamps_ns, recording.gimbal_angles_deg(stamps_ns)):
        message = Vector3Stamped(header=header(stamp_ns))
        by_name = dict(zip("rpy", angles.tolist()))
        message.vector.x, message.vector.y, message.vector.z = (by_name[name] for name in order)
        messages.append((int(stamp_ns), message))
    return messages


def fix_messages(recording: Recording, rate_hz: float = 10) -> list[tuple[int, NavSatFix]]:
    """(stamp, message); the map's origin lies at ORIGIN_GEODETIC."""
    stamps_ns = recording.stamps_ns(rate_hz)
    messages = []
    for stamp_ns, enu in zip(stamps_ns, recording.body_positions(stamps_ns)):
        latitude, longitude, altitude = map(float, pymap3d.enu2geodetic(*enu, *ORIGIN_GEODETIC))
        place = {"latitude": latitude, "longitude": longitude, "altitude": altitude}
        messages.append((int(stamp_ns), NavSatFix(header=header(stamp_ns), **place)))
    return messages


def records(topic: str, stamped: list[tuple[int, Any]], latency_ns: int = 8_000_000) -> list[tuple[str, Any, int]]:
    """(topic, message, record time) for `ros_helpers.write_bag`."""
    return [(topic, message, stamp_ns + latency_ns) for stamp_ns, message in stamped]

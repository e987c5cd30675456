# SPDX-License-Identifier: BSD-3-Clause
"""The aircraft's messages -> plain values, by their fields, because DJI's packages name their types differently."""

from __future__ import annotations

from typing import Any

import genpy
import numpy as np
import rospy
from sensor_msgs.msg import NavSatStatus

from camera_relocalization_ros.aircraft.dji import NAMED_ORDER, GimbalConvention
from camera_relocalization_ros.aircraft.local_frame import Fix, Geodetic
from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.ros.message_classes import message_class

# of OSDK 3.1 and 3.2 (the thesis' time), in whichever package
OSDK_3_FIXES = ("A3_RTK", "A3_GPS")
# A3_GPS holds the autopilot's integers: 1e-7 degrees and millimetres
INTEGER_DEG, INTEGER_M = 1e-7, 1e-3


class AnyDecoder:
    """rospy.AnyMsg -> messages; their classes are built from the definitions that come with the connection."""

    def __init__(self) -> None:
        self._classes: dict[str, type] = {}

    def message(self, message: rospy.AnyMsg) -> Any:
        """The message with its fields; raises FrameError."""
        header = message._connection_header
        try:
            if header["md5sum"] not in self._classes:
                found = message_class(header["type"], header["message_definition"], header["md5sum"])
                self._classes[header["md5sum"]] = found
            return self._classes[header["md5sum"]]().deserialize(message._buff)
        except (KeyError, genpy.MessageException, genpy.DeserializationError) as error:
            raise FrameError(f"{header.get('type', 'a message')} does not deserialise ({error})") from error


def gimbal_vector_of(message: Any) -> tuple[np.ndarray, bool]:
    """The gimbal's angles (3,) in degrees, and whether the message names them roll, pitch, yaw; raises FrameError.

    Without names they are in the order of the message, which a convention knows.
    """
    is_named = all(hasattr(message, name) for name in NAMED_ORDER)
    vector = message if is_named else getattr(message, "vector", None)
    if vector is None:
        raise FrameError(f"{message._type} holds no gimbal angles; expected vector, or roll, pitch and yaw")
    angles = np.array([getattr(vector, name) for name in (NAMED_ORDER if is_named else "xyz")], dtype=np.float64)
    if not np.isfinite(angles).all():
        raise FrameError(f"gimbal angles {angles.tolist()} are not finite")
    return angles, is_named


def gimbal_angles_of(message: Any, convention: GimbalConvention) -> np.ndarray:
    """Roll, pitch, yaw (3,) in degrees; raises FrameError."""
    angles, is_named = gimbal_vector_of(message)
    return angles if is_named else convention.roll_pitch_yaw(angles)


def fix_of(message: Any, received_ns: int) -> Fix:
    """The fix of a NavSatFix, A3_RTK or A3_GPS; a NavSatFix without a stamp keeps stamp 0, which no filter lets pass.

    The messages of OSDK 3.1 and 3.2 have no header: their stamp is when they were received. Raises FrameError.
    """
    if is_osdk_3_fix(message._type):
        return _osdk_3_fix(message, received_ns)
    place = Geodetic(message.latitude, message.longitude, message.altitude)
    has_fix = message.status.status != NavSatStatus.STATUS_NO_FIX
    return Fix(message.header.stamp.to_nsec(), received_ns, place, has_fix)


def is_osdk_3_fix(kind: str) -> bool:
    """Whether a message type is a position of OSDK 3.1 or 3.2."""
    return kind.rpartition("/")[2] in OSDK_3_FIXES


def _osdk_3_fix(message: Any, received_ns: int) -> Fix:
    try:
        if hasattr(message, "longitude_RTK"):
            numbers = (message.latitude_RTK, message.longitude_RTK, message.height_above_sea_RTK)
            # 0: no solution at all; how good another one is, the RTK status tells
            return Fix(received_ns, received_ns, Geodetic(*map(float, numbers)), message.position_flag != 0)
        latitude, longitude, height = message.latitude, message.longitude, message.height_above_sea
    except AttributeError as error:
        raise FrameError(f"{message._type} is no position of OSDK 3 ({error})") from error
    degree, metre = (INTEGER_DEG, INTEGER_M) if isinstance(latitude, int) else (1.0, 1.0)
    place = Geodetic(float(latitude) * degree, float(longitude) * degree, float(height) * metre)
    return Fix(received_ns, received_ns, place)

# SPDX-License-Identifier: BSD-3-Clause
"""Transforms from the bytes of their messages: as rospy's messages they take twice as long, reading included."""

from __future__ import annotations

import struct
from typing import Iterator, NamedTuple, Tuple

# std_msgs/Header before its frame_id: sequence number, seconds, nanoseconds, length of the text
_HEADER = struct.Struct("<IIII")
_LENGTH = struct.Struct("<I")
_POSE = struct.Struct("<7d")


class TfRecord(NamedTuple):
    """A geometry_msgs/TransformStamped: x, y, z and x, y, z, w of child_frame_id in frame_id, as they were sent."""

    parent: str
    child: str
    stamp_ns: int
    position: Tuple[float, ...]
    quat_xyzw: Tuple[float, ...]


def tf_records(content: bytes) -> Iterator[TfRecord]:
    """The transforms of a tf2_msgs/TFMessage or tf/tfMessage in ROS 1's serialisation.

    Raises struct.error where bytes are missing.
    """
    (count,), at = _LENGTH.unpack_from(content, 0), _LENGTH.size
    for _ in range(count):
        _, seconds, nanoseconds, length = _HEADER.unpack_from(content, at)
        at += _HEADER.size
        parent, at = _text(content, at, length), at + length
        (length,), at = _LENGTH.unpack_from(content, at), at + _LENGTH.size
        child, at = _text(content, at, length), at + length
        values, at = _POSE.unpack_from(content, at), at + _POSE.size
        yield TfRecord(parent, child, seconds * 1_000_000_000 + nanoseconds, values[:3], values[3:])


def _text(content: bytes, start: int, length: int) -> str:
    # the handler of errors that genpy's own messages have
    return content[start : start + length].decode("utf-8", "rosmsg")

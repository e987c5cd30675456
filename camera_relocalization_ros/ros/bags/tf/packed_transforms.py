# SPDX-License-Identifier: BSD-3-Clause
"""Transforms out of the bytes of a TFMessage: genpy makes five objects of each, and takes ten times as long."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Iterator, NamedTuple, Tuple

from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.frames import bare_frame

# that of tf/tfMessage is the same
MD5SUM = TFMessage._md5sum
# of a transform: sequence number, seconds, nanoseconds, length of the parent's name; translation and quaternion
COUNT, STAMP, LENGTH, POSE = (struct.Struct(form) for form in ("<I", "<4xIII", "<I", "<7d"))


class PackedTransform(NamedTuple):
    """A transform: bare names of frames, position (3,) and quaternion (4,)."""

    parent: str
    child: str
    stamp_ns: int
    position: Tuple[float, ...]
    quat_xyzw: Tuple[float, ...]


def unpacked(data: bytes) -> Iterator[PackedTransform]:
    """The transforms of a message; raises struct.error or UnicodeDecodeError where the bytes are none."""
    (count,), at = COUNT.unpack_from(data), COUNT.size
    for _ in range(count):
        secs, nsecs, length = STAMP.unpack_from(data, at)
        at += STAMP.size + length
        parent = data[at - length : at]
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size + length
        child = data[at - length : at]
        values = POSE.unpack_from(data, at)
        at += POSE.size
        yield PackedTransform(_name(parent), _name(child), secs * 1_000_000_000 + nsecs, values[:3], values[3:])


@lru_cache(maxsize=1024)
def _name(text: bytes) -> str:
    return bare_frame(text.decode("utf-8"))

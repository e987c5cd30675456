# SPDX-License-Identifier: BSD-3-Clause
"""Frames that two nodes broadcast on /tf, each with a pose of its own: tf2 goes to and fro with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable

import numpy as np
from geometry_msgs.msg import TransformStamped

from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.ros.conversions import transform_to_pose
from camera_relocalization_ros.ros.often import Often

# what is the same pose in other digits
SAME_M, SAME_RAD = 1e-6, 1e-6


@dataclass
class _Heard:
    """Of a frame: who broadcast it, the one before and the last, what, and whether they do so by turns."""

    senders: tuple[str, str]
    newest: TransformStamped
    by_turns: Often = field(default_factory=Often)


class RivalBroadcasters:
    """Takes each transform of /tf with its sender. A relay that repeats another node's poses is no rival."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}

    def note(self, sender: str, transform: TransformStamped) -> None:
        """A transform arrived."""
        heard = self._heard.setdefault(bare_frame(transform.child_frame_id), _Heard(("", sender), transform))
        before, heard.newest = heard.newest, transform
        if sender == heard.senders[1]:
            return
        heard.senders = heard.senders[1], sender
        if not are_same(transform, before):
            heard.by_turns.note()
        elif transform.header.stamp == before.header.stamp:
            heard.by_turns.clear()

    def complaint(self, frames: Iterable[str]) -> str:
        """Which of these frames has two broadcasters at present; "" when none has."""
        for frame in frames:
            heard = self._heard.get(frame)
            if heard is not None and heard.by_turns:
                nodes = " and ".join(sorted(heard.senders))
                return f"frame {frame!r} is broadcast by {nodes} by turns, with other values; end one of the two"
        return ""


def are_same(one: TransformStamped, other: TransformStamped) -> bool:
    """Whether two transforms of a frame have one parent and one pose."""
    if bare_frame(one.header.frame_id) != bare_frame(other.header.frame_id):
        return False
    (position, quat), (other_position, other_quat) = transform_to_pose(one), transform_to_pose(other)
    metres = float(np.linalg.norm(position - other_position))
    return metres <= SAME_M and float(angular_distance(quat, other_quat)) <= SAME_RAD

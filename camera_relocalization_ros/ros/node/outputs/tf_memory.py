# SPDX-License-Identifier: BSD-3-Clause
"""What was heard on /tf and /tf_static, for look-ups at a stamp; a frame that is on both has none.

tf2 takes such a frame for what it was first: if it was on /tf_static, any stamp is given the newest pose.
"""

from __future__ import annotations

from typing import Iterator

import numpy as np
import rospy
import tf2_ros
from geometry_msgs.msg import TransformStamped
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Pose, is_pose
from camera_relocalization_ros.ros.conversions import transform_to_pose

# what old publishers repeat on /tf differs from the static pose by as much as printed digits
SAME_M, SAME_RAD = 1e-6, 1e-6


class TfMemory(tf2_ros.TransformListener):  # type: ignore[misc]  # tf2_ros has no types
    """TF as far as this node has heard of it, from its construction on."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._fixed: dict[str, TransformStamped] = {}
        self._moving: dict[str, TransformStamped] = {}
        self._on_both: set[str] = set()
        super().__init__(tf2_ros.Buffer(debug=False))

    def pose(self, target: str, source: str, stamp: rospy.Time) -> Pose:
        """T_target_source at the stamp, of 0 the newest; raises TransformException when it is not known."""
        target, source = bare_frame(target), bare_frame(source)
        found = self.buffer.lookup_transform(target, source, stamp)
        for frame in self._on_both.intersection(self._between(target, source)):
            raise tf2_ros.TransformException(
                f"frame {frame!r} is on /tf and on /tf_static with other values, so that TF does not know where it was "
                "at the stamp of the image; end one of its two broadcasters, then start this node again"
            )
        return Pose(*transform_to_pose(found))

    def callback(self, data: TFMessage) -> None:
        """Of /tf."""
        super().callback(data)
        self._compare(data, self._moving, self._fixed)

    def static_callback(self, data: TFMessage) -> None:
        """Of /tf_static."""
        super().static_callback(data)
        self._compare(data, self._fixed, self._moving)

    def _compare(
        self, data: TFMessage, of_its_kind: dict[str, TransformStamped], of_the_other: dict[str, TransformStamped]
    ) -> None:
        for message in data.transforms:
            if not is_pose(*transform_to_pose(message)):
                continue  # tf2 did not take it either
            child = bare_frame(message.child_frame_id)
            self._parents[child], of_its_kind[child] = bare_frame(message.header.frame_id), message
            other = of_the_other.get(child)
            if other is not None and child not in self._on_both and not _are_same(message, other):
                self._on_both.add(child)

    def _between(self, target: str, source: str) -> set[str]:
        """The frames whose poses in their parents lie between two frames."""
        return {*self._above(target)} ^ {*self._above(source)}

    def _above(self, frame: str) -> Iterator[str]:
        seen: set[str] = set()
        while frame in self._parents and frame not in seen:
            yield frame
            seen.add(frame)
            frame = self._parents[frame]


def _are_same(one: TransformStamped, other: TransformStamped) -> bool:
    (position, quat), (other_position, other_quat) = transform_to_pose(one), transform_to_pose(other)
    metres = float(np.linalg.norm(position - other_position))
    return metres <= SAME_M and float(angular_distance(quat, other_quat)) <= SAME_RAD

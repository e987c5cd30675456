# SPDX-License-Identifier: BSD-3-Clause
"""What was heard on /tf and /tf_static, for look-ups at a stamp; a frame that is on both, or of two nodes, has none.

tf2 takes a frame on both for what it was first: if it was on /tf_static, any stamp is given the newest pose. And of a
frame it takes nothing that is older than the newest by more than it keeps: after a bag that was started again without
its clock, or one stamp hours ahead, it would take nothing more.
"""

from __future__ import annotations

from typing import Iterator

import rospy
import tf2_ros
from geometry_msgs.msg import TransformStamped
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.pose import Pose, is_pose
from camera_relocalization_ros.ros.conversions import transform_to_pose
from camera_relocalization_ros.ros.node.outputs.rival_broadcasters import RivalBroadcasters, are_same

# in TF's memory, as by default
KEPT = rospy.Duration(10)


class TfMemory(tf2_ros.TransformListener):  # type: ignore[misc]  # tf2_ros has no types
    """TF as far as this node has heard of it, from its construction on."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._fixed: dict[str, TransformStamped] = {}
        self._moving: dict[str, TransformStamped] = {}
        self._on_both: set[str] = set()
        self._rivals = RivalBroadcasters()
        super().__init__(tf2_ros.Buffer(KEPT, debug=False))

    def pose(self, target: str, source: str, stamp: rospy.Time) -> Pose:
        """T_target_source at the stamp, of 0 the newest; raises TransformException when it is not known."""
        target, source = bare_frame(target), bare_frame(source)
        between = self._between(target, source)
        complaint = self._rivals.complaint(between)
        if complaint:
            raise tf2_ros.TransformException(complaint)
        found = self.buffer.lookup_transform(target, source, stamp)
        for frame in self._on_both.intersection(between):
            raise tf2_ros.TransformException(
                f"frame {frame!r} is on /tf and on /tf_static with other values, so that TF does not know where it was "
                "at the stamp of the image; end one of its two broadcasters, then start this node again"
            )
        return Pose(*transform_to_pose(found))

    def callback(self, data: TFMessage) -> None:
        """Of /tf; what moved is forgotten where stamps went back."""
        if any(self._is_refused(transform) for transform in data.transforms):
            self.buffer.clear()
            self._moving.clear()
        super().callback(data)
        self._compare(data, self._moving, self._fixed)
        for transform in data.transforms:
            self._rivals.note(data._connection_header["callerid"], transform)

    def static_callback(self, data: TFMessage) -> None:
        """Of /tf_static."""
        super().static_callback(data)
        self._compare(data, self._fixed, self._moving)

    def _is_refused(self, transform: TransformStamped) -> bool:
        newest = self._moving.get(bare_frame(transform.child_frame_id))
        return newest is not None and newest.header.stamp - transform.header.stamp > KEPT

    def _compare(
        self, data: TFMessage, of_its_kind: dict[str, TransformStamped], of_the_other: dict[str, TransformStamped]
    ) -> None:
        for message in data.transforms:
            if not is_pose(*transform_to_pose(message)):
                continue  # tf2 did not take it either
            child = bare_frame(message.child_frame_id)
            self._parents[child], of_its_kind[child] = bare_frame(message.header.frame_id), message
            other = of_the_other.get(child)
            if other is not None and child not in self._on_both and not are_same(message, other):
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

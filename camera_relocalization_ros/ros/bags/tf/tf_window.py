# SPDX-License-Identifier: BSD-3-Clause
"""tf2 over recorded streams of any length: only the poses around the stamp in question are in its buffer.

tf2 searches its lists from the newest pose on, so a buffer that holds a whole bag answers ever more slowly.
"""

from __future__ import annotations

import numpy as np
import rospy
import tf2_py

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.ros.bags.tf.static_poses import StaticPoses
from camera_relocalization_ros.ros.conversions import pose_to_transform, stamp_from_ns, transform_to_pose

CACHE_S = 10


class TfWindow:
    """Look-ups between frames, quickest when their stamps ascend; the streams are by (parent, child)."""

    def __init__(
        self,
        fixed: dict[tuple[str, str], StaticPoses],
        streams: dict[tuple[str, str], Trajectory],
    ) -> None:
        self._fixed = [_StaticFeed(frames, poses) for frames, poses in fixed.items()]
        self._feeds = [_Feed(frames, poses) for frames, poses in streams.items()]
        self._reset()

    def lookup(self, parent: str, child: str, stamp_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Position (3,) and quaternion (4,) of child in parent; every stream must enclose the stamp."""
        positions = [feed.position_of(stamp_ns) for feed in self._feeds]
        if any(feed.is_behind(position) for feed, position in zip(self._feeds, positions)):
            self._reset()
        for feed, position in zip(self._feeds, positions):
            feed.advance(self._buffer, position)
        for static in self._fixed:
            static.set(self._buffer, stamp_ns)
        return transform_to_pose(self._buffer.lookup_transform_core(parent, child, stamp_from_ns(stamp_ns)))

    def _reset(self) -> None:
        self._buffer = tf2_py.BufferCore(rospy.Duration(CACHE_S))
        for static in self._fixed:
            static.current = -1
        for feed in self._feeds:
            feed.last = -1


class _StaticFeed:
    """The poses of one static frame, and which of them tf2 has."""

    def __init__(self, frames: tuple[str, str], poses: StaticPoses) -> None:
        self._poses = poses
        self._messages = [pose_to_transform(Pose(*pose), 0, *frames) for pose in poses.poses]
        self.current = -1

    def set(self, buffer: tf2_py.BufferCore, stamp_ns: int) -> None:
        """Give tf2 the pose that held at the stamp, unless it has it."""
        index = self._poses.index_at(stamp_ns)
        if index != self.current:
            buffer.set_transform_static(self._messages[index], "bag")
            self.current = index


class _Feed:
    """One stream, and how far it has been handed to tf2."""

    def __init__(self, frames: tuple[str, str], poses: Trajectory) -> None:
        self._poses = poses
        self._message = pose_to_transform(Pose.identity(), 0, *frames)
        self.last = -1

    def position_of(self, stamp_ns: int) -> int:
        """Index of the first pose at the stamp or after it."""
        return int(np.searchsorted(self._poses.stamps_ns, stamp_ns))

    def is_behind(self, position: int) -> bool:
        """Whether that pose lies before what tf2 was given last."""
        return position < self.last

    def advance(self, buffer: tf2_py.BufferCore, position: int) -> None:
        """Give tf2 the pose at `position` and the one before it, each once: it complains of repeats."""
        for index in range(max(position - 1, self.last + 1, 0), position + 1):
            self._fill(index)
            buffer.set_transform(self._message, "bag")
        self.last = position

    def _fill(self, index: int) -> None:
        # one message for all: to make a new one takes longer than the rest of the look-up
        header, transform = self._message.header, self._message.transform
        header.stamp.secs, header.stamp.nsecs = divmod(int(self._poses.stamps_ns[index]), 1_000_000_000)
        t, q = transform.translation, transform.rotation
        t.x, t.y, t.z = self._poses.positions[index].tolist()
        q.x, q.y, q.z, q.w = self._poses.quats_xyzw[index].tolist()

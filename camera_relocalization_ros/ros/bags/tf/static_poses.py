# SPDX-License-Identifier: BSD-3-Clause
"""What a bag says of a frame on /tf_static, which may change: an object is moved, a nominal extrinsic is calibrated."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from camera_relocalization_ros.core.geometry import angular_distance

# what is said again to fewer digits is the same
SAME_M, SAME_RAD = 1e-6, 1e-6


@dataclass
class StaticPoses:
    """The poses of one frame in its parent, in the order in which they were said, each with the time it holds from.

    The first holds before it was said as well: a recording may begin after a latched message was sent.
    """

    begins_ns: list[int] = field(default_factory=list)
    poses: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.poses)

    def add(self, begin_ns: int, position: np.ndarray, quat_xyzw: np.ndarray) -> None:
        """Take a pose, position (3,) and quaternion (4,), that was said at a time; what says nothing new is left."""
        if not self.poses or not same_pose(self.poses[-1], (position, quat_xyzw)):
            self.begins_ns.append(begin_ns)
            self.poses.append((position, quat_xyzw))

    def delayed(self, by_ns: int) -> StaticPoses:
        """The same by a clock that is behind."""
        return StaticPoses([begin_ns - by_ns for begin_ns in self.begins_ns], self.poses)

    def index_at(self, stamp_ns: int) -> int:
        """Which of the poses held at a stamp."""
        return max(bisect_right(self.begins_ns, stamp_ns) - 1, 0)

    def at(self, stamp_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """The pose that held at a stamp, as tf2 would have had it."""
        return self.poses[self.index_at(stamp_ns)]

    @property
    def changes_ns(self) -> list[int]:
        """When another pose began to hold."""
        return self.begins_ns[1:]


def same_pose(
    one: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    within_m: float = SAME_M,
    within_rad: float = SAME_RAD,
) -> bool:
    """Whether two poses (position, quaternion) are no further apart than said."""
    metres = float(np.linalg.norm(one[0] - other[0]))
    return metres <= within_m and float(angular_distance(one[1], other[1])) <= within_rad

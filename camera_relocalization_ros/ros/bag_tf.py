# SPDX-License-Identifier: BSD-3-Clause
"""A bag's TF in a tf2 buffer: no master, no playback. Poses are interpolated, and refused rather than guessed."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Iterator

import numpy as np
import rosbag
import rospy
import tf2_py

from camera_relocalization_ros.core.errors import BagError, SyncError
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.ros.bag_reader import read_messages, topic_types
from camera_relocalization_ros.ros.conversions import pose_to_transform, stamp_from_ns, transform_to_pose

TF_TYPES = ("tf2_msgs/TFMessage", "tf/tfMessage")
DYNAMIC_TOPICS, STATIC_TOPICS = ("/tf", "tf"), ("/tf_static", "tf_static")
# longer than any bag, so that the buffer forgets nothing
BUFFER_LENGTH = rospy.Duration(100_000_000)
DEFAULT_MAX_GAP_S = 0.1

logger = logging.getLogger(__name__)


class NoPoseError(SyncError):
    """There is no trustworthy pose at a stamp; the text is the reason, the same for all frames alike."""


@dataclass
class Edge:
    """All that a bag says about the pose of one frame: its parents and the stamps it was sent at."""

    parents: set[str] = field(default_factory=set)
    is_static: bool = False
    is_dynamic: bool = False
    stamps_ns: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class FrameChain:
    """The way between two frames: `at` gives the pose of child in parent."""

    parent: str
    child: str
    buffer: tf2_py.BufferCore
    dynamic_stamps_ns: tuple[np.ndarray, ...]
    max_gap_s: float

    def at(self, stamp_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Position (3,) and quaternion (4,) at a stamp, interpolated by tf2; raises NoPoseError."""
        if stamp_ns <= 0:
            raise NoPoseError("no stamp")  # tf2 takes 0 for "the latest"
        for stamps_ns in self.dynamic_stamps_ns:
            _check_bracket(stamps_ns, stamp_ns, self.max_gap_s)
        transform = self.buffer.lookup_transform_core(self.parent, self.child, stamp_from_ns(stamp_ns))
        return transform_to_pose(transform)

    def trajectory(self, stamps_ns: np.ndarray) -> tuple[Trajectory, Counter[str]]:
        """The poses at those of the stamps (N,) that have one, and how many lack it for which reason."""
        found, reasons = [], Counter()
        for stamp_ns in stamps_ns:
            try:
                found.append((int(stamp_ns), *self.at(int(stamp_ns))))
            except NoPoseError as error:
                reasons[str(error)] += 1
        stamps, positions, quats = zip(*found) if found else ((), (), ())
        return Trajectory(np.array(stamps, dtype=np.int64), np.array(positions), np.array(quats)), reasons


@dataclass(frozen=True)
class BagTransforms:
    """The transforms of a bag, whole; frame names without leading slash."""

    source: str
    buffer: tf2_py.BufferCore
    edges: dict[str, Edge]
    ignored: Counter[str]

    @classmethod
    def from_bag(cls, bag: rosbag.Bag) -> BagTransforms:
        """Read /tf and /tf_static to the end; raises BagError when the bag has neither."""
        if not any(kind in TF_TYPES for kind in topic_types(bag).values()):
            raise BagError(f"{bag.filename}: no TF in it; expected poses on /tf or /tf_static")
        transforms = cls(bag.filename, tf2_py.BufferCore(BUFFER_LENGTH), {}, Counter())
        for transform, is_static in _read_transforms(bag):
            transforms._add(transform, is_static)
        if transforms.ignored:
            counts = ", ".join(f"{count} {reason}" for reason, count in sorted(transforms.ignored.items()))
            logger.warning("%s: transforms left out: %s", bag.filename, counts)
        return transforms

    @property
    def frames(self) -> list[str]:
        """All frames, sorted."""
        return sorted(set(self.edges).union(*(edge.parents for edge in self.edges.values())))

    def chain(self, parent: str, child: str, max_gap_s: float = DEFAULT_MAX_GAP_S) -> FrameChain:
        """The way from parent to child; raises BagError that lists the frames when one of them is unknown."""
        parent, child = parent.lstrip("/"), child.lstrip("/")
        for name in (parent, child):
            if name not in self.frames:
                raise BagError(f"{self.source}: no frame {name!r} in TF; its frames are: {', '.join(self.frames)}")
        above_parent, above_child = self._to_root(parent), self._to_root(child)
        if above_parent[-1] != above_child[-1]:
            for name in above_parent[:-1] + above_child[:-1]:
                self._checked_edge(name)  # a frame with two parents may be the cause
            raise BagError(
                f"{self.source}: frames {parent!r} (below {above_parent[-1]!r}) and {child!r} (below "
                f"{above_child[-1]!r}) are not connected in TF"
            )
        between = set(above_parent) ^ set(above_child)  # all below the nearest common ancestor
        edges = [self._checked_edge(name) for name in sorted(between)]
        stamps = tuple(np.array(sorted(edge.stamps_ns), dtype=np.int64) for edge in edges if not edge.is_static)
        return FrameChain(parent, child, self.buffer, stamps, max_gap_s)

    def _to_root(self, name: str) -> list[str]:
        """The frame and all above it."""
        names = [name]
        while names[-1] in self.edges:
            above = min(self.edges[names[-1]].parents)
            if above in names:
                raise BagError(f"{self.source}: frames {above!r} and {names[-1]!r} hang below each other in TF")
            names.append(above)
        return names

    def _checked_edge(self, child: str) -> Edge:
        edge = self.edges[child]
        if len(edge.parents) > 1:
            parents = " and ".join(repr(parent) for parent in sorted(edge.parents))
            raise BagError(f"{self.source}: frame {child!r} has more than one parent in TF: {parents}")
        if edge.is_static and edge.is_dynamic:
            raise BagError(f"{self.source}: frame {child!r} is on /tf and on /tf_static; expected one of them")
        return edge

    def _add(self, message: Any, is_static: bool) -> None:
        parent, child = message.header.frame_id.lstrip("/"), message.child_frame_id.lstrip("/")
        stamp_ns = message.header.stamp.to_nsec()
        position, quat_xyzw = transform_to_pose(message)
        reason = _fault(parent, child, position, quat_xyzw)
        if not reason and not is_static:
            reason = self._stamp_fault(parent, child, stamp_ns)
        if reason:
            self.ignored[reason] += 1
            return
        edge = self.edges.setdefault(child, Edge())
        edge.parents.add(parent)
        edge.is_static, edge.is_dynamic = edge.is_static or is_static, edge.is_dynamic or not is_static
        # a message of our own, because tf2 warns of the classes that rosbag makes up
        transform = pose_to_transform(position, quat_xyzw, stamp_ns, parent, child)
        if is_static:
            self.buffer.set_transform_static(transform, "bag")
        else:
            edge.stamps_ns.add(stamp_ns)
            self.buffer.set_transform(transform, "bag")

    def _stamp_fault(self, parent: str, child: str, stamp_ns: int) -> str:
        if stamp_ns <= 0:
            return "without a stamp"
        edge = self.edges.get(child, Edge())
        # a publisher that repeats its last transform says nothing new, and tf2 complains about each
        return "repeated" if parent in edge.parents and stamp_ns in edge.stamps_ns else ""


def _read_transforms(bag: rosbag.Bag) -> Iterator[tuple[Any, bool]]:
    """(TransformStamped, whether it is static) of the whole bag."""
    for topic, message, _ in read_messages(bag, DYNAMIC_TOPICS + STATIC_TOPICS):
        for transform in message.transforms:
            yield transform, topic in STATIC_TOPICS


def _fault(parent: str, child: str, position: np.ndarray, quat_xyzw: np.ndarray) -> str:
    """Why tf2 would refuse a transform; "" when it is sound."""
    if not parent or not child or parent == child:
        return "without two frame names"
    if not (np.isfinite(position).all() and np.isfinite(quat_xyzw).all()):
        return "not finite"
    return "without a unit quaternion" if abs(np.linalg.norm(quat_xyzw) - 1.0) > 1e-2 else ""


def _check_bracket(stamps_ns: np.ndarray, stamp_ns: int, max_gap_s: float) -> None:
    """Raise NoPoseError unless the ascending stamps (N,) hold the stamp, or enclose it closely enough."""
    after = int(np.searchsorted(stamps_ns, stamp_ns))
    if after < len(stamps_ns) and stamps_ns[after] == stamp_ns:
        return
    if after in (0, len(stamps_ns)):
        raise NoPoseError("outside the pose stream")
    if stamps_ns[after] - stamps_ns[after - 1] > max_gap_s * 1e9:
        raise NoPoseError("gap in the pose stream")

# SPDX-License-Identifier: BSD-3-Clause
"""A bag's transforms, whole, and the poses along any chain of frames. A pose is refused rather than guessed."""

from __future__ import annotations

import logging
import struct
from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import chain as joined
from itertools import islice
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np
import rosbag
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.errors import BagError, SyncError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import MAX_POSITION_M
from camera_relocalization_ros.core.trajectory import Trajectory, seconds_text
from camera_relocalization_ros.data.pose_stream import PoseStream, StreamLimits
from camera_relocalization_ros.ros.bags.pose_sources import PoseSources, StampedPose, read_sources
from camera_relocalization_ros.ros.bags.reader import open_bag, read_messages, topic_types
from camera_relocalization_ros.ros.bags.records import RECEIPT
from camera_relocalization_ros.ros.bags.tf.image_clock import ImageClock
from camera_relocalization_ros.ros.bags.tf.static_poses import StaticPoses, same_pose
from camera_relocalization_ros.ros.bags.tf.tf_records import tf_records
from camera_relocalization_ros.ros.bags.tf.tf_window import TfWindow

TF_TYPES = ("tf2_msgs/TFMessage", "tf/tfMessage")
DYNAMIC_TOPICS, STATIC_TOPICS = ("/tf", "tf"), ("/tf_static", "tf_static")

NO_STAMP = "no stamp"
# of /tf, enough to compare the recorder's clock with that of the stamps
LAG_MESSAGES = 200
# of a frame's stamps, those at which its poses contradict each other are left out; more of them are no accident
MOST_CONTRADICTED = 0.5
# poses that differ by less do not contradict each other
TELLING_M, TELLING_RAD = 1e-3, np.radians(0.1)

logger = logging.getLogger(__name__)


class NoPoseError(SyncError):
    """There is no trustworthy pose at a stamp; the text is the reason, the same for all frames alike."""


@dataclass
class FrameRecord:
    """All that a bag says about the pose of one frame in its parents: poses by stamp, and static ones."""

    parents: set[str] = field(default_factory=set)
    static: StaticPoses = field(default_factory=StaticPoses)
    # flat, in the order of arrival: 64 bytes for each pose, where messages take a kilobyte
    stamps_ns: array = field(default_factory=lambda: array("q"))
    poses: array = field(default_factory=lambda: array("d"))

    def trajectory(self) -> Trajectory:
        """The stamped poses in the order of their stamps; one of those that say the same of a stamp, none of others."""
        stamps_ns, order = np.unique(np.frombuffer(self.stamps_ns, dtype=np.int64), return_index=True)
        poses = np.frombuffer(self.poses, dtype=np.float64).reshape(-1, 7)[order]
        kept = ~np.isin(stamps_ns, self.contradicted_ns()[0])
        return Trajectory(stamps_ns[kept], poses[kept, :3], poses[kept, 3:])

    def contradicted_ns(self) -> tuple[np.ndarray, float]:
        """Stamps (N,) of which poses say different things, as two publishers do, and by how much in the median (m)."""
        stamps_ns = np.frombuffer(self.stamps_ns, dtype=np.int64)
        poses = np.frombuffer(self.poses, dtype=np.float64).reshape(-1, 7)
        order = np.argsort(stamps_ns, kind="stable")
        second = np.flatnonzero(np.diff(stamps_ns[order]) == 0) + 1
        one, other = poses[order[second - 1]], poses[order[second]]
        metres = np.linalg.norm(one[:, :3] - other[:, :3], axis=1)
        differs = (metres > TELLING_M) | (angular_distance(one[:, 3:], other[:, 3:]) > TELLING_RAD)
        return np.unique(stamps_ns[order[second[differs]]]), float(np.median(metres[differs])) if differs.any() else 0.0

    def says_the_same_twice(self) -> bool:
        """Whether the poses by stamp are the static ones, which old publishers repeat on /tf."""
        poses = np.frombuffer(self.poses, dtype=np.float64).reshape(-1, 7)
        return all(
            same_pose(self.static.at(stamp_ns), (pose[:3], pose[3:])) for stamp_ns, pose in zip(self.stamps_ns, poses)
        )

    def repeats(self) -> int:
        """Poses whose stamp came before: their publisher said nothing new."""
        return len(self.stamps_ns) - len(np.unique(np.frombuffer(self.stamps_ns, dtype=np.int64)))

    def in_one_clock(self, clock: ImageClock, name: str) -> FrameRecord:
        """The same without the poses that were stamped when their clock had been set back."""
        stamps_ns = np.frombuffer(self.stamps_ns, dtype=np.int64)
        kept = clock.kept(stamps_ns, name)
        if kept.all():
            return self
        poses = np.frombuffer(self.poses, dtype=np.float64).reshape(-1, 7)[kept]
        return replace(self, stamps_ns=array("q", stamps_ns[kept].tolist()), poses=array("d", poses.ravel().tolist()))


class FrameChain:
    """The way between two frames: `at` gives the pose of child in parent."""

    def __init__(
        self,
        parent: str,
        child: str,
        streams: dict[tuple[str, str], PoseStream],
        fixed: dict[tuple[str, str], StaticPoses],
    ) -> None:
        self.parent, self.child = parent, child
        self.streams = list(streams.values())
        self._window = TfWindow(fixed, {frames: stream.trusted for frames, stream in streams.items()})
        changes = {f"{child} in {parent}": poses.changes_ns for (parent, child), poses in fixed.items()}
        # by the pair of frames: when another static pose of it began to hold
        self.static_changes_ns = {pair: stamps_ns for pair, stamps_ns in changes.items() if stamps_ns}

    def at(self, stamp_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Position (3,) and quaternion (4,) at a stamp, interpolated by tf2; raises NoPoseError."""
        if stamp_ns <= 0:
            raise NoPoseError(NO_STAMP)  # tf2 takes 0 for "the latest"
        for stream in self.streams:
            fault = stream.faults(np.array([stamp_ns], dtype=np.int64))[0]
            if fault:
                raise NoPoseError(fault)
        return self._window.lookup(self.parent, self.child, stamp_ns)

    def trajectory(self, stamps_ns: np.ndarray) -> tuple[Trajectory, Counter[str]]:
        """The poses at those of the stamps (N,) that have one, and how many lack it for which reason."""
        found: list[tuple[int, np.ndarray, np.ndarray]] = []
        reasons: Counter[str] = Counter()
        for stamp_ns in stamps_ns:
            try:
                found.append((int(stamp_ns), *self.at(int(stamp_ns))))
            except NoPoseError as error:
                reasons[str(error)] += 1
        stamps, positions, quats = zip(*found) if found else ((), (), ())
        return Trajectory(np.array(stamps, dtype=np.int64), np.array(positions), np.array(quats)), reasons

    def recorded_stamps_ns(self) -> np.ndarray:
        """Those (N,) of the fastest stream; a static chain has one that is none."""
        stamps_ns: np.ndarray = max((s.trusted.stamps_ns for s in self.streams), key=len, default=np.array([1]))
        return stamps_ns

    def recorded_trajectory(self, count: int | None = None) -> Trajectory:
        """The poses at the stamps of the fastest stream, about `count` of them; a static chain has a single one."""
        stamps_ns = self.recorded_stamps_ns()
        step = max(len(stamps_ns) // count, 1) if count else 1
        return self.trajectory(stamps_ns[::step])[0]


@dataclass(frozen=True)
class BagTransforms:
    """The transforms of a bag, whole; frame names without leading slash."""

    source: str
    records: dict[str, FrameRecord]
    ignored: Counter[str]
    clock: ImageClock

    @classmethod
    def from_bag(
        cls,
        bag: rosbag.Bag,
        sources: PoseSources | None = None,
        before: Sequence[Path] = (),
        reindex: bool = False,
        image_topic: str = "",
    ) -> BagTransforms:
        """Read /tf and /tf_static to the end, and what `sources` add; raises BagError when there is nothing.

        A frame that the sources tell of is theirs alone: what TF says of it is left out. Of the bags `before`, which
        the recording began with, /tf_static still holds. Poses whose clock was set back in flight, and not that of the
        images on `image_topic` with it, are left out from then on.
        """
        sources = sources or PoseSources()
        clock = ImageClock(bag, image_topic)
        if sources.is_empty and not any(kind in TF_TYPES for kind in topic_types(bag).values()):
            raise BagError(f"{bag.filename}: no TF in it; expected poses on /tf or /tf_static")
        transforms = cls(bag.filename, {}, Counter(), clock)
        for pose in read_sources(bag, sources, clock):
            transforms._add(pose)
        owned = set(transforms.records)
        for pose, received_ns in joined(_read_static_of(before, reindex), _read_transforms(bag)):
            if pose.child in owned:
                transforms.ignored["of a frame that comes from elsewhere"] += 1
            else:
                transforms._add(pose, received_ns)
        transforms._date_static_poses(bag)
        contradicted = sum(len(record.contradicted_ns()[0]) for record in transforms.records.values())
        repeats = sum(record.repeats() for record in transforms.records.values()) - contradicted
        transforms.ignored.update({"repeated": repeats} if repeats else {})
        transforms.ignored.update({"of a stamp that another contradicts": 2 * contradicted} if contradicted else {})
        for child, record in transforms.records.items():
            transforms.records[child] = record.in_one_clock(clock, f"the poses of {child!r}")
        if transforms.ignored:
            counts = ", ".join(f"{count} {reason}" for reason, count in sorted(transforms.ignored.items()))
            logger.warning("%s: transforms left out: %s", bag.filename, counts)
        return transforms

    @property
    def frames(self) -> list[str]:
        """All frames, sorted."""
        return sorted(set(self.records).union(*(record.parents for record in self.records.values())))

    def root_of(self, frame: str) -> str:
        """The frame at the top of the tree that holds `frame`, or where frames begin to hang below each other."""
        return self._above(bare_frame(frame))[-1]

    def above(self, frame: str) -> list[str]:
        """The frame and all above it, the root last."""
        return self._above(bare_frame(frame))

    def chain(self, parent: str, child: str, limits: StreamLimits | None = None) -> FrameChain:
        """The way from parent to child; raises BagError that lists the frames when one of them is unknown."""
        parent, child = bare_frame(parent), bare_frame(child)
        for name in (parent, child):
            if name not in self.frames:
                raise BagError(f"{self.source}: no frame {name!r} in TF; its frames are: {', '.join(self.frames)}")
        above_parent, above_child = self._above(parent), self._above(child)
        if not set(above_parent) & set(above_child):
            for name in above_parent[:-1] + above_child[:-1]:
                self._checked_record(name)  # a frame with two parents may be the cause
            raise BagError(
                f"{self.source}: frames {parent!r} (below {above_parent[-1]!r}) and {child!r} (below "
                f"{above_child[-1]!r}) are not connected in TF"
            )
        ancestor = next(name for name in above_child if name in above_parent)
        between = {*above_parent[: above_parent.index(ancestor)], *above_child[: above_child.index(ancestor)]}
        for name in sorted(between & self._in_circle(above_child)):
            above = min(self.records[name].parents)
            raise BagError(f"{self.source}: frames {above!r} and {name!r} hang below each other in TF")
        return self._build(parent, child, sorted(between), limits or StreamLimits())

    def _build(self, parent: str, child: str, names: list[str], limits: StreamLimits) -> FrameChain:
        fixed, streams = {}, {}
        for name in names:
            record = self._checked_record(name)
            frames = (min(record.parents), name)
            if len(record.static):
                fixed[frames] = record.static
            else:
                streams[frames] = PoseStream(record.trajectory(), limits)
        return FrameChain(parent, child, streams, fixed)

    def _date_static_poses(self, bag: rosbag.Bag) -> None:
        """Put the times at which static poses changed into the clock of the stamps, and tell of them."""
        changed = {child: record for child, record in self.records.items() if record.static.changes_ns}
        lag_ns = _lag_ns(bag) if changed else 0
        for child, record in changed.items():
            record.static = record.static.delayed(lag_ns)
            (before, after), begin_ns = record.static.poses[:2], record.static.changes_ns[0]
            metres, degrees = np.linalg.norm(after[0] - before[0]), np.degrees(angular_distance(after[1], before[1]))
            logger.warning(
                "%s: %r in %r was said %d times on /tf_static with other values, the second at stamp %s, %.3g m and "
                "%.3g deg from the first; each holds from when it was said",
                self.source,
                child,
                min(record.parents),
                len(record.static),
                seconds_text(begin_ns),
                metres,
                degrees,
            )

    def _above(self, name: str) -> list[str]:
        """The frame and all above it, as far as none comes twice: what is wrong far up is no reason to stop."""
        names = [name]
        while names[-1] in self.records:
            above = min(self.records[names[-1]].parents)
            if above in names:
                break
            names.append(above)
        return names

    def _in_circle(self, above: list[str]) -> set[str]:
        """Those of a frame and all above it that hang below each other."""
        last = above[-1]
        return set(above[above.index(min(self.records[last].parents)) :]) if last in self.records else set()

    def _checked_record(self, child: str) -> FrameRecord:
        record = self.records[child]
        if len(record.parents) > 1:
            parents = " and ".join(repr(parent) for parent in sorted(record.parents))
            raise BagError(f"{self.source}: frame {child!r} has more than one parent in TF: {parents}")
        if len(record.static) and record.stamps_ns and not record.says_the_same_twice():
            raise BagError(
                f"{self.source}: frame {child!r} is on /tf and on /tf_static with other values; expected one of them"
            )
        contradicted_ns, metres = record.contradicted_ns()
        count = len(np.unique(np.frombuffer(record.stamps_ns, dtype=np.int64)))
        if len(contradicted_ns) > MOST_CONTRADICTED * count:
            raise BagError(
                f"{self.source}: frame {child!r} has two poses each at {len(contradicted_ns)} of {count} stamps on "
                f"/tf, typically {metres:.3g} m apart, as of two publishers; expected one"
            )
        return record

    def _add(self, pose: StampedPose, received_ns: int = 0) -> None:
        reason = _fault(pose)
        if reason:
            self.ignored[reason] += 1
            return
        record = self.records.setdefault(pose.child, FrameRecord())
        record.parents.add(pose.parent)
        if pose.stamp_ns is None:
            record.static.add(received_ns, np.array(pose.position), np.array(pose.quat_xyzw))
            return
        record.stamps_ns.append(pose.stamp_ns)
        record.poses.extend((*pose.position, *pose.quat_xyzw))


def _lag_ns(bag: rosbag.Bag) -> int:
    """By how much the recorder's clock is ahead of the stamps of /tf; 0 where there is none to compare."""
    messages = islice(read_messages(bag, DYNAMIC_TOPICS), LAG_MESSAGES)
    lags = [received.to_nsec() - t.header.stamp.to_nsec() for _, m, received in messages for t in m.transforms]
    return int(np.median(lags)) if lags else 0


def _read_static_of(paths: Sequence[Path], reindex: bool) -> Iterator[tuple[StampedPose, int]]:
    for path in paths:
        with open_bag(path, reindex) as bag:
            yield from _read_transforms(bag, STATIC_TOPICS)


def _read_transforms(
    bag: rosbag.Bag, topics: Sequence[str] = DYNAMIC_TOPICS + STATIC_TOPICS
) -> Iterator[tuple[StampedPose, int]]:
    """All transforms of the bag and when each was recorded; those of /tf_static without a stamp, as tf2 has them."""
    by_receipt = bag.stamps == RECEIPT
    for topic, (kind, content, md5sum, *_), received in read_messages(bag, topics, raw=True):
        if md5sum != TFMessage._md5sum:
            raise BagError(f"{bag.filename}: topic {topic!r} holds {kind}; expected transforms ({TF_TYPES[0]})")
        received_ns = received.to_nsec()
        try:
            for parent, child, stamp_ns, *pose in tf_records(content):
                said_ns = None if topic in STATIC_TOPICS else received_ns if by_receipt else stamp_ns
                yield StampedPose(bare_frame(parent), bare_frame(child), said_ns, *pose), received_ns
        except struct.error as error:
            raise BagError(f"{bag.filename}: not a whole bag of format 2.0 ({topic}: {error})") from error


def _fault(pose: StampedPose) -> str:
    """Why tf2 would refuse a transform; "" when it is sound."""
    if not pose.parent or not pose.child or pose.parent == pose.child:
        return "without two frame names"
    if pose.stamp_ns is not None and pose.stamp_ns <= 0:
        return "without a stamp"
    length = sum(value * value for value in pose.quat_xyzw) ** 0.5
    total = sum(pose.position) + length
    if total - total != 0:  # quicker for single poses than NumPy's isfinite
        return "not finite"
    if max(pose.position) > MAX_POSITION_M or min(pose.position) < -MAX_POSITION_M:
        return "further away than anything on Earth"
    return "without a unit quaternion" if abs(length - 1.0) > 1e-2 else ""

# SPDX-License-Identifier: BSD-3-Clause
"""Poses that a bag holds elsewhere than in TF: on topics of motion capture or odometry, and extrinsics from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import numpy as np
import rosbag
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import BagError, ConfigError
from camera_relocalization_ros.core.strict_yaml import dataclass_from_dict, load_yaml_mapping
from camera_relocalization_ros.ros.bag_reader import read_messages, topic_types
from camera_relocalization_ros.ros.conversions import pose_of, transform_to_pose


class StampedPose(NamedTuple):
    """The pose of child in parent, position (3,) and quaternion (4,); stamp_ns is None when it holds always."""

    parent: str
    child: str
    stamp_ns: int | None
    position: np.ndarray
    quat_xyzw: np.ndarray


@dataclass(frozen=True)
class StaticTransform:
    """An extrinsic: where `child` is fixed in `parent`; metres, and either a quaternion or roll, pitch, yaw in degrees.

    Roll, pitch and yaw turn about the parent's fixed x, y and z, in this order (REP 103).
    """

    parent: str
    child: str
    position: tuple[float, ...]
    quat_xyzw: tuple[float, ...] = ()
    roll_pitch_yaw_deg: tuple[float, ...] = ()

    def pose(self) -> StampedPose:
        """The same as a pose without a stamp; raises ConfigError."""
        what = f"static transform {self.parent!r} -> {self.child!r}"
        lengths = (len(self.quat_xyzw), len(self.roll_pitch_yaw_deg))
        if len(self.position) != 3 or lengths not in ((4, 0), (0, 3)):
            raise ConfigError(
                f"{what}: expected position with 3 numbers and quat_xyzw with 4 or roll_pitch_yaw_deg with 3"
            )
        quat = np.array(self.quat_xyzw)
        if self.roll_pitch_yaw_deg:
            quat = Rotation.from_euler("xyz", self.roll_pitch_yaw_deg, degrees=True).as_quat()
        if abs(np.linalg.norm(quat) - 1.0) > 1e-2:
            raise ConfigError(f"{what}: quat_xyzw {list(self.quat_xyzw)} is not of length 1")
        quat = quat / np.linalg.norm(quat)
        return StampedPose(self.parent.lstrip("/"), self.child.lstrip("/"), None, np.array(self.position), quat)


@dataclass(frozen=True)
class PoseTopic:
    """A topic of poses. `child` and `parent` name the frames where the message does not, or names them wrongly."""

    topic: str
    child: str = ""
    parent: str = ""


@dataclass(frozen=True)
class PoseSources:
    """What `reloc extract --sources FILE` reads; see config/sources."""

    pose_topics: tuple[PoseTopic, ...] = ()
    static_transforms: tuple[StaticTransform, ...] = ()

    @classmethod
    def load(cls, path: Path) -> PoseSources:
        """Read a YAML file; raises ConfigError."""
        sources = dataclass_from_dict(cls, load_yaml_mapping(path), str(path))
        for static in sources.static_transforms:
            try:
                static.pose()
            except ConfigError as error:
                raise ConfigError(f"{path}: {error}") from error
        return sources

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but TF."""
        return self == PoseSources()


def read_pose_topics(bag: rosbag.Bag, sources: PoseSources) -> Iterator[StampedPose]:
    """All poses that the sources name; raises BagError when the bag lacks a topic, or holds something else there."""
    for static in sources.static_transforms:
        yield static.pose()
    types = topic_types(bag)
    for source in sources.pose_topics:
        name = next((name for name in (source.topic, f"/{source.topic}") if name in types), None)
        if name is None or types[name] not in READERS:
            found = f"holds {types[name]}" if name else "is not in the bag"
            known = ", ".join(sorted(topic for topic, kind in types.items() if kind in READERS)) or "none"
            raise BagError(f"{bag.filename}: topic {source.topic!r} {found}; its topics of poses are: {known}")
        for _, message, _ in read_messages(bag, [name]):
            yield _stamped(bag, source, message)


def _stamped(bag: rosbag.Bag, source: PoseTopic, message: Any) -> StampedPose:
    parent = (source.parent or message.header.frame_id).lstrip("/")
    child = (source.child or getattr(message, "child_frame_id", "")).lstrip("/")
    if not child:
        raise BagError(f"{bag.filename}: {message._type} on {source.topic!r} names no child frame; the sources must")
    return StampedPose(parent, child, message.header.stamp.to_nsec(), *READERS[message._type](message))


READERS = {
    "geometry_msgs/PoseStamped": lambda message: pose_of(message.pose),
    "geometry_msgs/PoseWithCovarianceStamped": lambda message: pose_of(message.pose.pose),
    "geometry_msgs/TransformStamped": transform_to_pose,
    "nav_msgs/Odometry": lambda message: pose_of(message.pose.pose),
}

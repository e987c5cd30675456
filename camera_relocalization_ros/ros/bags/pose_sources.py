# SPDX-License-Identifier: BSD-3-Clause
"""Poses that a bag holds elsewhere than in TF: on topics of motion capture or odometry, and extrinsics from a file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Optional, Tuple, Union  # read from YAML: evaluated at run time

import numpy as np
import rosbag
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.gps_poses import GpsOptions
from camera_relocalization_ros.core.errors import BagError, ConfigError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.plain_values import dataclass_from_dict, load_yaml_mapping
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.ros.bags.gimbal_edges import gimbal_edges
from camera_relocalization_ros.ros.bags.gps_trajectory import GpsTopics, gps_trajectory
from camera_relocalization_ros.ros.bags.reader import read_messages, topic_types
from camera_relocalization_ros.ros.bags.tf.image_clock import ImageClock
from camera_relocalization_ros.ros.conversions import pose_of, transform_to_pose

logger = logging.getLogger(__name__)


class StampedPose(NamedTuple):
    """The pose of child in parent, position (3,) and quaternion (4,); stamp_ns is None when it holds always."""

    parent: str
    child: str
    stamp_ns: int | None
    position: Union[np.ndarray, Tuple[float, ...]]
    quat_xyzw: Union[np.ndarray, Tuple[float, ...]]


@dataclass(frozen=True)
class StaticTransform:
    """An extrinsic: where `child` is fixed in `parent`; metres, and either a quaternion or roll, pitch, yaw in degrees.

    Roll, pitch and yaw turn about the parent's fixed x, y and z, in this order (REP 103).
    """

    parent: str
    child: str
    position: Tuple[float, ...]
    quat_xyzw: Tuple[float, ...] = ()
    roll_pitch_yaw_deg: Tuple[float, ...] = ()

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
        return StampedPose(bare_frame(self.parent), bare_frame(self.child), None, np.array(self.position), quat)


@dataclass(frozen=True)
class PoseTopic:
    """A topic of poses. `child` and `parent` name the frames where the message does not, or names them wrongly."""

    topic: str
    child: str = ""
    parent: str = ""


@dataclass(frozen=True)
class GimbalSource:
    """The gimbal's angles and the aircraft's attitude, which give the frames from `body_frame` to the camera.

    `convention` is a name of core.dji.CONVENTIONS; the frames below the body are named with `prefix`.
    """

    gimbal_topic: str = "dji_sdk/gimbal_angle"
    attitude_topic: str = "dji_sdk/attitude"
    convention: str = "broadcast"
    body_frame: str = "M100/base_link"
    prefix: str = "M100/"


@dataclass(frozen=True)
class GpsSource:
    """Satellite positions, which give the pose of `child` in the local frame `parent`."""

    parent: str = "map"
    child: str = "M100/gps"
    topics: GpsTopics = field(default_factory=GpsTopics)
    options: GpsOptions = field(default_factory=GpsOptions)


@dataclass(frozen=True)
class PoseSources:
    """What `reloc extract --sources FILE` reads; see config/sources."""

    pose_topics: Tuple[PoseTopic, ...] = ()
    static_transforms: Tuple[StaticTransform, ...] = ()
    gimbal: Optional[GimbalSource] = None
    gps: Optional[GpsSource] = None

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


def read_sources(bag: rosbag.Bag, sources: PoseSources, clock: ImageClock | None = None) -> Iterator[StampedPose]:
    """All poses that the sources name, in the order of arrival; the gimbal's and the satellites' in `clock` alone.

    Raises BagError when the bag lacks a topic, or holds something else there.
    """
    clock = clock or ImageClock(bag)
    for static in sources.static_transforms:
        yield static.pose()
    for source in sources.pose_topics:
        yield from _read_topic(bag, source)
    if sources.gimbal is not None:
        yield from _read_gimbal(bag, sources.gimbal, clock)
    if sources.gps is not None:
        yield from _read_gps(bag, sources.gps, clock)


def _read_topic(bag: rosbag.Bag, source: PoseTopic) -> Iterator[StampedPose]:
    types = topic_types(bag)
    name = next((name for name in (source.topic, f"/{source.topic}") if name in types), None)
    if name is None or types[name] not in READERS:
        found = f"holds {types[name]}" if name else "is not in the bag"
        known = ", ".join(sorted(topic for topic, kind in types.items() if kind in READERS)) or "none"
        raise BagError(f"{bag.filename}: topic {source.topic!r} {found}; its topics of poses are: {known}")
    return (_stamped(bag, source, message) for _, message, _ in read_messages(bag, [name]))


def _read_gimbal(bag: rosbag.Bag, source: GimbalSource, clock: ImageClock) -> Iterator[StampedPose]:
    topics = (source.gimbal_topic, source.attitude_topic)
    edges = gimbal_edges(bag, *topics, source.convention, source.body_frame, source.prefix, clock=clock)
    for parent, child, poses in edges:
        if isinstance(poses, Trajectory):
            yield from _along(poses, parent, child)
        else:
            yield StampedPose(parent, child, None, *poses)


def _read_gps(bag: rosbag.Bag, source: GpsSource, clock: ImageClock) -> Iterator[StampedPose]:
    poses, skipped = gps_trajectory(bag, source.options, source.topics, clock)
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
    if counts:
        logger.warning("%s: satellite fixes left out: %s", bag.filename, counts)
    return _along(poses, bare_frame(source.parent), bare_frame(source.child))


def _along(poses: Trajectory, parent: str, child: str) -> Iterator[StampedPose]:
    for stamp_ns, position, quat_xyzw in zip(poses.stamps_ns.tolist(), poses.positions, poses.quats_xyzw):
        yield StampedPose(parent, child, stamp_ns, position, quat_xyzw)


def _stamped(bag: rosbag.Bag, source: PoseTopic, message: Any) -> StampedPose:
    parent = bare_frame(source.parent or message.header.frame_id)
    child = bare_frame(source.child or getattr(message, "child_frame_id", ""))
    if not child:
        raise BagError(f"{bag.filename}: {message._type} on {source.topic!r} names no child frame; the sources must")
    return StampedPose(parent, child, message.header.stamp.to_nsec(), *READERS[message._type](message))


READERS: dict[str, Callable[[Any], tuple[np.ndarray, np.ndarray]]] = {
    "geometry_msgs/PoseStamped": lambda message: pose_of(message.pose),
    "geometry_msgs/PoseWithCovarianceStamped": lambda message: pose_of(message.pose.pose),
    "geometry_msgs/TransformStamped": transform_to_pose,
    "nav_msgs/Odometry": lambda message: pose_of(message.pose.pose),
}

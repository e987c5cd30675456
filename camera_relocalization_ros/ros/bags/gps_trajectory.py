# SPDX-License-Identifier: BSD-3-Clause
"""A bag's satellite positions: as poses in a local frame, or as places on the globe."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Iterator

import numpy as np
import rosbag

from camera_relocalization_ros.aircraft.gps_poses import GpsOptions, GpsPose, GpsPoses
from camera_relocalization_ros.aircraft.local_frame import FixFilter, Geodetic
from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.ros.aircraft_messages import fix_of, is_osdk_3_fix
from camera_relocalization_ros.ros.attitude_messages import attitude_of, stamp_of
from camera_relocalization_ros.ros.bags.aircraft_streams import topic_in_bag
from camera_relocalization_ros.ros.bags.reader import read_messages, topic_types
from camera_relocalization_ros.ros.bags.tf.image_clock import ImageClock

FIX_TYPE = "sensor_msgs/NavSatFix"


@dataclass(frozen=True)
class GpsTopics:
    """Where a bag holds what; those that the options do not need may be missing."""

    fix: str = "dji_sdk/gps_position"
    attitude: str = "dji_sdk/attitude"
    rtk_status: str = "dji_sdk/rtk_info_position"
    rtk_yaw: str = "dji_sdk/rtk_yaw"


def gps_trajectory(
    bag: rosbag.Bag,
    options: GpsOptions | None = None,
    topics: GpsTopics | None = None,
    clock: ImageClock | None = None,
) -> tuple[Trajectory, Counter[str]]:
    """The receiver's poses in the local frame, and how many fixes have none for which reason; raises BagError.

    As the node gps_node on the same messages; statuses without a stamp count from when the recorder received them. What
    was stamped when a clock had been set back, but not `clock` with it, is left out.
    """
    options, topics = options or GpsOptions(), topics or GpsTopics()
    poses, found = GpsPoses(options), []
    faults: Counter[str] = Counter()
    kinds = {name: kind for kind, name in _needed(bag, options, topics).items()}
    kept = {name: _kept(bag, name, kind, clock or ImageClock(bag)) for name, kind in kinds.items()}
    for topic, message, received in read_messages(bag, kinds):
        if not next(kept[topic]):
            faults["of a clock that was set back"] += 1
            continue
        try:
            found += _feed(poses, kinds[topic], message, received.to_nsec())
        except FrameError:
            faults["attitude unusable"] += 1
    poses.finish()
    stamps_ns, order = np.unique(np.array([pose.stamp_ns for pose in found], dtype=np.int64), return_index=True)
    positions = np.array([pose.position for pose in found]).reshape(-1, 3)[order]
    quats = np.array([pose.quat_xyzw for pose in found]).reshape(-1, 4)[order]
    return Trajectory(stamps_ns, positions, quats), poses.skipped + faults


def _kept(bag: rosbag.Bag, topic: str, kind: str, clock: ImageClock) -> Iterator[bool]:
    """Whether each message of a topic, in the order of arrival, is of one clock; those without a stamp are."""
    if kind not in ("fix", "attitude"):
        return repeat(True)
    stamps_ns = [_stamp_ns(kind, message, received.to_nsec()) for _, message, received in read_messages(bag, [topic])]
    return iter(clock.kept(np.array(stamps_ns, dtype=np.int64), f"topic {topic!r}").tolist())


def _stamp_ns(kind: str, message: Any, received_ns: int) -> int:
    try:
        return fix_of(message, received_ns).stamp_ns if kind == "fix" else stamp_of(message)
    except FrameError:
        return 0


def _needed(bag: rosbag.Bag, options: GpsOptions, topics: GpsTopics) -> dict[str, str]:
    """The topics that the options need, by kind, as the bag spells them."""
    needed = {"fix": _fix_topic(bag, topics.fix)}
    if options.orientation == "attitude":
        needed["attitude"] = topic_in_bag(bag, topics.attitude, "the aircraft's attitude")
    if options.orientation == "rtk_yaw":
        needed["rtk_yaw"] = topic_in_bag(bag, topics.rtk_yaw, "RTK's yaw")
    if options.rtk_minimum is not None and not is_osdk_3_fix(topic_types(bag)[needed["fix"]]):
        needed["rtk_status"] = topic_in_bag(bag, topics.rtk_status, "RTK's status")
    return needed


def _feed(poses: GpsPoses, kind: str, message: Any, received_ns: int) -> list[GpsPose]:
    if kind == "fix":
        if hasattr(message, "position_flag"):
            poses.add_rtk_status(received_ns, message.position_flag)
        return poses.add_fix(fix_of(message, received_ns))
    if kind == "attitude":
        return poses.add_attitude(stamp_of(message), attitude_of(message))
    if kind == "rtk_yaw":
        poses.add_rtk_yaw(received_ns, message.data)
    else:
        poses.add_rtk_status(received_ns, message.data)
    return []


def read_places(
    bag: rosbag.Bag, topic: str, needs_height: bool = True
) -> tuple[np.ndarray, list[Geodetic], Counter[str]]:
    """Stamps (N,) int64, ascending, the places of the good fixes, and why how many were left out; raises BagError.

    Without `needs_height`, places may have none: NaN.
    """
    fixes, found = FixFilter(needs_height=needs_height), {}
    skipped: Counter[str] = Counter()
    for _, message, received in read_messages(bag, [_fix_topic(bag, topic)]):
        fix = fix_of(message, received.to_nsec())
        reason = fixes.fault(fix) or ("repeated stamp" if fix.stamp_ns in found else "")
        if reason:
            skipped[reason] += 1
        else:
            found[fix.stamp_ns] = fix.place
    stamps_ns = sorted(found)
    return np.array(stamps_ns, dtype=np.int64), [found[stamp_ns] for stamp_ns in stamps_ns], skipped


def _fix_topic(bag: rosbag.Bag, topic: str) -> str:
    name = topic_in_bag(bag, topic, FIX_TYPE)
    kind = topic_types(bag)[name]
    if kind != FIX_TYPE and not is_osdk_3_fix(kind):
        expected = f"{FIX_TYPE}, A3_RTK or A3_GPS"
        raise BagError(f"{bag.filename}: topic {topic!r} holds {kind}; expected {expected}")
    return name

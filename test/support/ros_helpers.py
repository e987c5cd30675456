# SPDX-License-Identifier: BSD-3-Clause
"""Bags that the ROS tests share, written in code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

import genpy
import rosbag
from geometry_msgs.msg import TransformStamped
from helpers import CAMERA, encoded, fake_image_rgb
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.ros import conversions

IMAGE_TOPIC, FRAME = "/camera/image_raw", "camera_optical_frame"


def transform(
    stamp_ns: int, parent: str, child: str, position: Iterable[float] = (0, 0, 0), quat_xyzw: Any = (0, 0, 0, 1)
) -> TransformStamped:
    """A transform with the identity rotation unless given."""
    return conversions.pose_to_transform(Pose(position, quat_xyzw), stamp_ns, parent, child)


def write_bag(path: Path, records: Iterable[tuple[str, Any, int]]) -> Path:
    """A bag of (topic, message, record time in nanoseconds)."""
    with rosbag.Bag(str(path), "w") as bag:
        for topic, message, received_ns in records:
            bag.write(topic, message, genpy.Time(0, received_ns))
    return path


def tf_records(trajectory: Trajectory, parent: str, child: str, topic: str = "/tf") -> list[tuple[str, Any, int]]:
    """One TFMessage for each pose."""
    rows = zip(trajectory.stamps_ns, trajectory.positions, trajectory.quats_xyzw)
    return [(topic, TFMessage([transform(int(s), parent, child, p, q)]), int(s)) for s, p, q in rows]


def image_records(stamps_ns: Iterable[int], raw: bool = False) -> list[tuple[str, Any, int]]:
    """A small image and its camera_info for each stamp."""
    records = []
    for seed, stamp_ns in enumerate(int(stamp) for stamp in stamps_ns):
        image_rgb = fake_image_rgb(seed)
        if raw:
            topic, message = IMAGE_TOPIC, conversions.rgb_to_image(image_rgb, stamp_ns, FRAME)
        else:
            topic = f"{IMAGE_TOPIC}/compressed"
            message = conversions.encoded_to_compressed(encoded(image_rgb), ".png", stamp_ns, FRAME)
        records.append((topic, message, stamp_ns))
        records.append(("/camera/camera_info", conversions.camera_to_info(CAMERA, stamp_ns, FRAME), stamp_ns))
    return records

# SPDX-License-Identifier: BSD-3-Clause
"""What a replay plays: a bag's images, their camera, and the true poses; read before anything is started."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rosbag

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BagError, ReplayError
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.ros.bags.reader import image_topic, open_bag, read_image_stamps, topic_types
from camera_relocalization_ros.ros.bags.recorded_cameras import read_camera
from camera_relocalization_ros.ros.bags.transforms import BagTransforms
from camera_relocalization_ros.ros.conversions import COMPRESSED_SUFFIX

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReplayPlan:
    """What to play: a bag's images, and the true poses (T,) at those of their stamps (N,) that have one.

    camera: of camera_info beside the images, None where there is none of use.
    """

    bag: Path
    image_topic: str
    transport: str
    stamps_ns: np.ndarray
    truth: Trajectory
    other_topics: tuple[str, ...]
    duration_s: float
    end_s: float
    camera: CameraIntrinsics | None

    @property
    def played_topic(self) -> str:
        """What the images' topic is called live: a compressed one must be called so."""
        plain = self.transport == "compressed" and not self.image_topic.endswith(COMPRESSED_SUFFIX)
        return self.image_topic + COMPRESSED_SUFFIX if plain else self.image_topic


def plan_replay(
    bag_path: Path, topic: str, parent: str, child: str, max_gap_s: float = StreamLimits.max_gap_s
) -> ReplayPlan:
    """Read the bag beforehand; raises BagError, or ReplayError when no image has a true pose."""
    with open_bag(bag_path) as bag:
        bag_topic, transport = image_topic(bag, topic)
        chain = BagTransforms.from_bag(bag, image_topic=bag_topic).chain(parent, child, StreamLimits(max_gap_s))
        stamps_ns = read_image_stamps(bag, bag_topic)
        truth, reasons = chain.trajectory(stamps_ns)
        others = tuple(sorted(set(topic_types(bag)) - {bag_topic}))
        camera = _camera(bag, bag_topic)
        duration_s, end_s = bag.get_end_time() - bag.get_start_time(), bag.get_end_time()
    if not len(truth):
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        raise ReplayError(f"{bag_path}: none of {len(stamps_ns)} images has a pose of {child!r} in {parent!r}: {why}")
    return ReplayPlan(Path(bag_path), bag_topic, transport, stamps_ns, truth, others, duration_s, end_s, camera)


def _camera(bag: rosbag.Bag, topic: str) -> CameraIntrinsics | None:
    try:
        return read_camera(bag, topic)
    except BagError as error:
        # a bundle without a map answers all the same
        logger.warning("%s", error)
        return None

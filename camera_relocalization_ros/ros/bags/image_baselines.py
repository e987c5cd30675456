# SPDX-License-Identifier: BSD-3-Clause
"""What retrieval and a constant pose reach on the images of a bag, without a master."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.evaluation.baselines import baseline_errors
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.ros.bags.reader import image_topic, open_bag, read_images
from camera_relocalization_ros.ros.conversions import message_to_rgb


def bag_baselines(bundle: Path, bag_path: Path, topic: str, truth: Trajectory) -> dict[str, PoseErrors]:
    """Errors of the baselines at the stamps of `truth` (N), each of which must be an image's."""
    relocalizer = Relocalizer.from_bundle(bundle)
    wanted = set(truth.stamps_ns.tolist())
    descriptors = {}
    with open_bag(bag_path) as bag:
        for stamp_ns, message in read_images(bag, image_topic(bag, topic)[0]):
            if stamp_ns in wanted:
                descriptors[stamp_ns] = relocalizer.estimate(message_to_rgb(message), stamp_ns).descriptor
    in_order = np.array([descriptors[stamp_ns] for stamp_ns in truth.stamps_ns.tolist()])
    return baseline_errors(relocalizer.bundle.index, in_order, truth.poses)

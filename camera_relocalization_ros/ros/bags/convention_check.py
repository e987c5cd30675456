# SPDX-License-Identifier: BSD-3-Clause
"""Which of DJI's gimbal conventions a bag follows, by the poses in its TF."""

from __future__ import annotations

import numpy as np
import rosbag

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.data.gimbal_convention import ConventionResult, Rotations, check_gimbal
from camera_relocalization_ros.ros.bags.aircraft_streams import read_attitude, read_gimbal
from camera_relocalization_ros.ros.bags.transforms import BagTransforms


def check_bag(
    bag: rosbag.Bag, topics: tuple[str, str], parent: str, child: str, body_frame: str | None = None
) -> ConventionResult:
    """Which convention the bag follows; `topics` are the gimbal's and the attitude's, the poses are those in TF.

    Raises BagError when a topic or frame is missing, SyncError when they do not overlap in time.
    """
    gimbal, is_named = read_gimbal(bag, topics[0])
    transforms = BagTransforms.from_bag(bag)
    camera = _rotations(transforms, parent, child, gimbal.stamps_ns)
    body = _rotations(transforms, parent, body_frame, gimbal.stamps_ns) if body_frame else None
    return check_gimbal(gimbal, is_named, read_attitude(bag, topics[1]), camera, body)


def _rotations(transforms: BagTransforms, parent: str, child: str, stamps_ns: np.ndarray) -> Rotations:
    found, reasons = transforms.chain(parent, child).trajectory(stamps_ns)
    if not len(found):
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        raise BagError(f"{transforms.source}: no pose of {child!r} in {parent!r} at the gimbal's stamps ({counts})")
    return Rotations(found.stamps_ns, found.quats_xyzw)

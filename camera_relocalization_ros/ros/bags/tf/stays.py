# SPDX-License-Identifier: BSD-3-Clause
"""Where an object stood in its room during a bag, and until when: it may be moved while the recording goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.core.geometry import canonical_quat
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.data.split_kinds import SAME_PLACE_M, SAME_PLACE_RAD
from camera_relocalization_ros.ros.bags.tf.static_poses import same_pose
from camera_relocalization_ros.ros.bags.transforms import BagTransforms, FrameChain

# poses that tell where the parent stood in its room
SAMPLES = 50
# before and after all stamps
ALWAYS = (-(2**63), 2**63 - 1)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stay:
    """Stamps from first_ns to before end_ns, and what a sequence's `info` says of where the parent stood then."""

    first_ns: int = ALWAYS[0]
    end_ns: int = ALWAYS[1]
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def is_part(self) -> bool:
        """Whether the bag has other stays too."""
        return (self.first_ns, self.end_ns) != ALWAYS

    def contains(self, stamp_ns: int) -> bool:
        """Whether a stamp lies in it."""
        return self.first_ns <= stamp_ns < self.end_ns

    def __str__(self) -> str:
        place = self.info.get("T_world_parent")
        return "somewhere" if place is None else "at " + ", ".join(f"{value:.2f}" for value in place["position"])


def stays_of(transforms: BagTransforms, parent: str, limits: StreamLimits) -> list[Stay]:
    """The stays of the parent in the room above it, in order; one that knows nothing where the parent is the room.

    A static transform above the parent that changes by more than recordings of one placement do begins another stay.
    """
    root = transforms.root_of(parent)
    if root == bare_frame(parent):
        return [Stay()]
    try:
        chain = transforms.chain(root, parent, limits)
    except BagError as error:
        # what is above the parent is not needed for poses in it
        logger.warning("where %r stood in its room is not known: %s", parent, error)
        return [Stay()]
    stays: list[Stay] = []
    bounds = [ALWAYS[0], *sorted(set().union(*chain.static_changes_ns.values())), ALWAYS[1]]
    for first_ns, end_ns in zip(bounds, bounds[1:]):
        info = _info(root, _poses_within(chain, first_ns, end_ns))
        if stays and _is_same_place(stays[-1].info, info):
            stays[-1] = Stay(stays[-1].first_ns, end_ns, stays[-1].info)
        else:
            stays.append(Stay(first_ns, end_ns, info))
    return stays


def _poses_within(chain: FrameChain, first_ns: int, end_ns: int) -> Trajectory:
    """Some of the poses of a chain between two stamps; a chain without streams has one."""
    if not chain.streams:
        return chain.trajectory(np.array([max(first_ns, 1)]))[0]
    stamps_ns = chain.recorded_stamps_ns()
    stamps_ns = stamps_ns[(stamps_ns >= first_ns) & (stamps_ns < end_ns)]
    return chain.trajectory(stamps_ns[:: max(len(stamps_ns) // SAMPLES, 1)])[0]


def _info(root: str, poses: Trajectory) -> dict[str, Any]:
    """Where the parent stood, for splits by placement; nothing where it was not seen."""
    if not len(poses):
        return {}
    quat_xyzw = canonical_quat(Rotation.from_quat(poses.quats_xyzw).mean().as_quat())
    position = np.median(poses.positions, axis=0)
    return {"T_world_parent": {"frame": root, "position": position.tolist(), "quat_xyzw": quat_xyzw.tolist()}}


def _is_same_place(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if not one or not other:
        return one == other
    places = [info["T_world_parent"] for info in (one, other)]
    (a, b) = ((np.array(place["position"]), np.array(place["quat_xyzw"])) for place in places)
    return same_pose(a, b, SAME_PLACE_M, SAME_PLACE_RAD)

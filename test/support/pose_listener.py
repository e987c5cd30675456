#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Somebody new who asks the master for poses; ends well once some came, each of its image, and of a full window."""

from __future__ import annotations

import numpy as np
import rospy
from camera_relocalization_ros.msg import RelocalizerStatus
from camera_script import seed_of
from colour_bundle import known_position
from geometry_msgs.msg import PoseStamped
from helpers import fake_image_rgb
from live import wait_for
from node_client import Heard

from camera_relocalization_ros.ros.conversions import message_to_pose

COUNT = 3
DEADLINE_S = 50.0


def main() -> None:
    rospy.init_node("listener", anonymous=True)
    poses, statuses = Heard("/relocalizer/pose", PoseStamped), Heard("/relocalizer/status", RelocalizerStatus)
    wait_for(lambda: len(poses.all()) >= COUNT, f"{COUNT} poses", DEADLINE_S)
    for pose in poses.all():
        position, _, stamp_ns = message_to_pose(pose)
        np.testing.assert_allclose(position, known_position(fake_image_rgb(seed_of(stamp_ns))), atol=1e-5)
    wait_for(lambda: statuses.newest().reason == "not calibrated", "nothing else speaks against it", DEADLINE_S)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Asks a node for another model after its master died, and prints how many poses came while it was asked.

Says "connected" when it hears poses, and goes on when a line comes on its standard input. Its argument is the bundle.
"""

from __future__ import annotations

import sys
import threading

import rospy
from camera_relocalization_ros.srv import LoadBundle
from geometry_msgs.msg import PoseStamped
from live import wait_for
from node_client import Heard

COUNT = 20


def main() -> None:
    rospy.init_node("asker")
    poses = Heard("/relocalizer/pose", PoseStamped)
    poses.newest()
    rospy.wait_for_service("/relocalizer/load_bundle", 20.0)
    # one that is connected already needs no master
    load = rospy.ServiceProxy("/relocalizer/load_bundle", LoadBundle, persistent=True)
    assert not load("/nowhere").ok
    print("connected", flush=True)
    sys.stdin.readline()
    threading.Thread(target=load, args=sys.argv[1:], daemon=True).start()
    before = len(poses.all())
    wait_for(lambda: len(poses.all()) >= before + COUNT, f"{COUNT} more poses")
    print("answered", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A live node with the shipped model, which is loaded again and again."""

import unittest
from pathlib import Path
from xmlrpc.client import ServerProxy

import rosgraph
import rospy
import rostest
from camera_relocalization_ros.srv import LoadBundle

NODE = "/relocalizer"
BUNDLE = str(Path(__file__).resolve().parents[3] / "models" / "airframe")
LOADS, LOADS_MB = 8, 60


def resident_mb():
    """Memory of the node."""
    node = ServerProxy(rosgraph.Master("/test_reloading").lookupNode(NODE))
    lines = Path(f"/proc/{node.getPid('/test_reloading')[2]}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class ReloadingTest(unittest.TestCase):
    def test_models_that_were_replaced_take_no_memory(self):
        rospy.wait_for_service(f"{NODE}/load_bundle", 60)
        load = rospy.ServiceProxy(f"{NODE}/load_bundle", LoadBundle)
        before_mb = resident_mb()
        for _ in range(LOADS):
            answer = load(BUNDLE)
            assert answer.ok, answer.message
        assert resident_mb() - before_mb < LOADS_MB


if __name__ == "__main__":
    rospy.init_node("test_reloading")
    rostest.rosrun("camera_relocalization_ros", "test_reloading", ReloadingTest)

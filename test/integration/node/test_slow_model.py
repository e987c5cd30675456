#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A model slower than the camera: images are dropped and counted, the newest is answered, none waits in line."""

import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from colour_bundle import known_position
from geometry_msgs.msg import PoseStamped
from helpers import fake_image_rgb
from node_client import Heard, NodeClient, S
from slow_bundle import write_slow_bundle

from camera_relocalization_ros.ros.conversions import message_to_pose

NODE, IMAGES, RATE_HZ, COUNT = "/relocalizer", "/camera/image_raw", 30, 60


class SlowModelTest(unittest.TestCase):
    def test_the_newest_image_wins_and_the_others_are_counted(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        bundle = write_slow_bundle(Path(folder.name) / "slow")
        command = ["rosrun", "camera_relocalization_ros", "relocalizer", f"image:={IMAGES}", f"_bundle:={bundle}"]
        node = subprocess.Popen([*command, "_threads:=1"])
        self.addCleanup(node.wait, 20)
        self.addCleanup(node.terminate)
        poses = Heard(f"{NODE}/pose", PoseStamped)
        client = NodeClient(NODE, IMAGES)
        alone = client.send()
        # three images in the time of one answer, however fast the computer
        rate, seeds = rospy.Rate(max(RATE_HZ, 3.0 / alone.inference_time)), {}
        for number in range(COUNT):
            seeds[client.publish(fake_image_rgb(number), S // RATE_HZ)] = number
            rate.sleep()
        last = client.statuses.wait_at(client.stamp_ns)
        answered = [status for status in client.statuses.all() if status.header.stamp.to_nsec() in seeds]
        # rospy itself keeps one image for this test's publisher, so a few may never have left
        assert COUNT // 2 < last.frames_seen <= COUNT + 1
        assert last.frames_answered == len(answered) + 1
        assert last.frames_dropped == last.frames_seen - last.frames_answered
        assert last.frames_dropped > COUNT // 4
        stamps_ns = [status.header.stamp.to_nsec() for status in answered]
        assert stamps_ns == sorted(set(stamps_ns))
        # an image waits for the one before it and never for two
        slowest_s = max(status.inference_time for status in answered)
        assert max(status.latency for status in answered) < 2.5 * slowest_s + 0.1
        for stamp_ns in stamps_ns:
            position = message_to_pose(poses.wait_at(stamp_ns))[0]
            np.testing.assert_allclose(position, known_position(fake_image_rgb(seeds[stamp_ns])), atol=1e-5)


if __name__ == "__main__":
    rospy.init_node("test_slow_model")
    rostest.rosrun("camera_relocalization_ros", "test_slow_model", SlowModelTest)

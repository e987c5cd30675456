#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A node that gets no images says why, and what to type."""

import subprocess
import unittest

import rospy
import rostest
from camera_relocalization_ros.msg import RelocalizerStatus
from colour_bundle import COLOUR_BUNDLE
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from live import wait_for
from node_client import Heard
from sensor_msgs.msg import CompressedImage


class SilentCameraTest(unittest.TestCase):
    def test_images_of_another_transport_are_told_with_what_to_type(self):
        topic = "/camera/image_raw/compressed"
        camera = rospy.Publisher(topic, CompressedImage, queue_size=1)
        self.addCleanup(camera.unregister)
        status = Heard("/deaf/status", RelocalizerStatus)
        diagnostics = Heard("/diagnostics", DiagnosticArray)
        command = ["rosrun", "camera_relocalization_ros", "relocalizer", "__name:=deaf", f"_bundle:={COLOUR_BUNDLE}"]
        node = subprocess.Popen([*command, f"image:={topic}", "_transport:=raw"])
        self.addCleanup(node.wait, 20)
        self.addCleanup(node.terminate)
        says = f"carries sensor_msgs/CompressedImage; start with image_topic:={topic} transport:=compressed"
        wait_for(lambda: any(says in one.reason for one in status.all()), "~status tells", 60.0)

        def is_warned_of():
            tasks = [one for array in diagnostics.all() for one in array.status if one.name == "deaf: images"]
            return any(one.level == DiagnosticStatus.WARN and says in one.message for one in tasks)

        wait_for(is_warned_of, "/diagnostics warn")


if __name__ == "__main__":
    rospy.init_node("test_silent_camera")
    rostest.rosrun("camera_relocalization_ros", "test_silent_camera", SilentCameraTest)

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The airframe stands in TF where the thesis says; a placement that is none of its six is one line."""

import subprocess
import unittest

import numpy as np
import rospy
import rostest
from live import wait_for
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.aircraft.placements import T_map_airframe
from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.ros.conversions import transform_to_pose


class AirframePlacementTest(unittest.TestCase):
    def test_static_transform(self):
        messages = []
        rospy.Subscriber("/tf_static", TFMessage, messages.append)
        wait_for(lambda: messages, "a static transform")
        (transform,) = messages[0].transforms
        assert (transform.header.frame_id, transform.child_frame_id) == ("map", "wing/base_link")
        np.testing.assert_allclose(pose_matrix(*transform_to_pose(transform)), T_map_airframe(4), atol=1e-9)

    def test_unknown_placement_is_one_line(self):
        for value, says in (("7", "~placement is 7; expected one of 1, 2, 3, 4, 5, 6"), ("x", "is 'x' (str)")):
            command = ["timeout", "30", "rosrun", "camera_relocalization_ros", "airframe_placement", "__name:=doomed"]
            done = subprocess.run([*command, f"_placement:={value}"], capture_output=True, text=True, check=False)
            assert done.returncode == 1, done.stderr
            (line,) = [line for line in done.stderr.splitlines() if line.strip()]
            assert "[FATAL]" in line
            assert says in line
            subprocess.run(["rosparam", "delete", "/doomed"], check=True)


if __name__ == "__main__":
    rospy.init_node("test_airframe_placement")
    rostest.rosrun("camera_relocalization_ros", "test_airframe_placement", AirframePlacementTest)

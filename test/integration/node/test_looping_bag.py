#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The live node on `rosbag play --clock`: looped, where time jumps back, and paused, where it stands still."""

import collections
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from camera_relocalization_ros.msg import RelocalizerStatus
from geometry_msgs.msg import PoseStamped
from live import known_trajectory, wait_for, write_known_bag
from std_srvs.srv import SetBool

from camera_relocalization_ros.ros.conversions import message_to_pose

COUNT, LOOPS = 8, 3


class LoopingBagTest(unittest.TestCase):
    def test_a_paused_bag_is_stale_and_goes_on(self):
        poses, statuses = {}, []
        rospy.Subscriber("/relocalizer/pose", PoseStamped, lambda m: poses.update({m.header.stamp.to_nsec(): m}))
        rospy.Subscriber("/relocalizer/status", RelocalizerStatus, statuses.append)
        wait_for(lambda: statuses, "the node is ready", 60.0)
        truth = known_trajectory(4 * COUNT)
        with tempfile.TemporaryDirectory() as folder:
            bag = write_known_bag(Path(folder) / "pause.bag", 4 * COUNT)
            player = subprocess.Popen(
                ["rosbag", "play", "--quiet", "--clock", "--delay=1", str(bag), "__name:=player"],
                stdin=subprocess.DEVNULL,
            )
            try:
                pause = rospy.ServiceProxy("/player/pause_playback", SetBool)
                wait_for(lambda: len(poses) > 2, "some images are answered", 60.0)
                assert pause(True).success
                wait_for(lambda: statuses[-1].state == RelocalizerStatus.STALE, "the pause is told")
                known = set(poses)
                assert pause(False).success
                last_ns = int(truth.stamps_ns[-1])
                wait_for(lambda: last_ns in poses, "the last image is answered", 60.0)
            finally:
                player.terminate()
                player.wait(20)
        assert set(poses) - known
        for stamp_ns, position in zip(truth.stamps_ns.tolist(), truth.positions):
            if stamp_ns in poses:
                np.testing.assert_allclose(message_to_pose(poses[stamp_ns])[0], position, atol=1e-5)
        windows = {status.header.stamp.to_nsec(): status.window_length for status in statuses if status.window_length}
        assert windows[last_ns] == 2

    def test_every_loop_is_answered_alike(self):
        poses, statuses = collections.defaultdict(list), []
        rospy.Subscriber("/relocalizer/pose", PoseStamped, lambda m: poses[m.header.stamp.to_nsec()].append(m))
        rospy.Subscriber("/relocalizer/status", RelocalizerStatus, statuses.append)
        wait_for(lambda: statuses, "the node is ready", 60.0)
        truth = known_trajectory(COUNT)
        # the last image of a loop may be dropped: the first one of the next loop follows at once
        late_ns = int(truth.stamps_ns[-2])
        with tempfile.TemporaryDirectory() as folder:
            bag = write_known_bag(Path(folder) / "loop.bag", COUNT)
            player = subprocess.Popen(
                ["rosbag", "play", "--quiet", "--clock", "--loop", "--delay=1", str(bag)], stdin=subprocess.DEVNULL
            )
            try:
                wait_for(lambda: len(poses[late_ns]) >= LOOPS, f"{LOOPS} loops are answered", 60.0)
            finally:
                player.terminate()
                player.wait(20)
        for stamp_ns, position, quat in zip(truth.stamps_ns, truth.positions, truth.quats_xyzw):
            for message in poses[int(stamp_ns)]:
                found = message_to_pose(message)
                np.testing.assert_allclose(found[0], position, atol=1e-5)
                np.testing.assert_allclose(found[1], quat, atol=1e-6)
        windows = {s.header.stamp.to_nsec(): s.window_length for s in statuses if s.window_length}
        assert windows[late_ns] == 2
        # before the first image the simulated time may stand at its stamp: "no image" is then said with that stamp
        answers = [s for s in statuses if s.state != RelocalizerStatus.STALE]
        restarts = [s for s in answers if s.header.stamp.to_nsec() == truth.stamps_ns[0]]
        assert {s.window_length for s in restarts} == {1}
        assert restarts
        # the age is told in simulated time, so it stays small though the bag is years old
        assert max(abs(s.age) for s in statuses if s.header.stamp.to_nsec() == late_ns) < 5.0


if __name__ == "__main__":
    rospy.init_node("test_looping_bag")
    rostest.rosrun("camera_relocalization_ros", "test_looping_bag", LoopingBagTest)

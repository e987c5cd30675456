#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Live nodes on one camera, each with another TF mode: what they broadcast, and what they do not."""

import copy
import math
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
import tf2_ros
from calibrated_bundle import write_calibrated_bundle
from camera_relocalization_ros.msg import RelocalizerStatus
from camera_relocalization_ros.srv import LoadBundle
from colour_bundle import COLOUR_BUNDLE, QUAT_XYZW, known_position
from dynamic_reconfigure.client import Client
from geometry_msgs.msg import PoseStamped, QuaternionStamped, Vector3Stamped
from helpers import CHILD_FRAME, PARENT_FRAME, fake_image_rgb
from live import wait_for
from nav_msgs.msg import Odometry
from node_client import STEP_NS, Heard, NodeClient
from ros_helpers import transform
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.geometry import invert, pose_matrix
from camera_relocalization_ros.ros import conversions

TURNED = (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))
WHITE = np.full((48, 64, 3), 255, np.uint8)


class NodeTfTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tf = Heard("/tf", TFMessage)
        cls.broadcaster = tf2_ros.TransformBroadcaster()
        cls.client = NodeClient("/seen", "/camera/image_raw")
        cls.statuses = {name: Heard(f"/{name}/status", RelocalizerStatus) for name in ("located", "corrected")}
        for heard in cls.statuses.values():
            heard.wait_connected().newest()
        wait_for(lambda: cls.client.publisher.get_num_connections() == 4, "all nodes subscribe to the images", 60.0)
        # the nodes' own listeners must hear what this test broadcasts
        wait_for(lambda: cls.broadcaster.pub_tf.get_num_connections() == 5, "all nodes listen to /tf")
        cls.truth = pose_matrix(known_position(fake_image_rgb(0)), QUAT_XYZW)
        # before that they listen whether somebody else broadcasts their frames
        wait_for(lambda: cls.client.send() and cls.tf.all(), "TF is broadcast", period_s=0.1)

    def setUp(self):
        # what is in TF's buffers from the test before is older than any lookup of this one
        self.client.next_stamp(20 * STEP_NS)

    def broadcasts(self, child, stamp_ns):
        """All transforms of a child frame at a stamp."""
        found = [one for message in self.tf.all() for one in message.transforms]
        return [one for one in found if one.child_frame_id == child and one.header.stamp.to_nsec() == stamp_ns]

    def wait_broadcast(self, child, stamp_ns):
        """T_parent_child (4, 4) of the one transform of a stamp, and its parent."""
        found = wait_for(lambda: self.broadcasts(child, stamp_ns), f"{child} at {stamp_ns} in TF")
        assert len(found) == 1
        return pose_matrix(*conversions.transform_to_pose(found[0])), found[0].header.frame_id

    def is_silent(self):
        """Whether images are answered and none of them is broadcast."""
        # TF of the last ones may still be on its way
        stamps_ns = [self.client.send().header.stamp.to_nsec() for _ in range(10)][:5]
        return not any(self.broadcasts("seen_camera", stamp_ns) for stamp_ns in stamps_ns)

    def carried_on(self, topic, publish):
        """A pose of now, and how far it is from that of the image: a body that moves at 1 m/s, 50 times a second.

        publish: called with the stamp of now and the metres flown.
        """
        answers, sent_ns = Heard(topic, PoseStamped).wait_connected(), []
        self.addCleanup(answers.stop)
        start = rospy.Time.now()

        def pose_of_now():
            now = rospy.Time.now()
            publish(now, (now - start).to_sec())
            if len(sent_ns) * 0.05 < (now - start).to_sec():
                self.client.stamp_ns = now.to_nsec()
                sent_ns.append(self.client.publish(fake_image_rgb(0), gap_ns=-STEP_NS))
            return answers.all()

        # until the motion reaches back beyond an image
        pose = wait_for(pose_of_now, "a pose of now", period_s=0.02)[-1]
        position, quat_xyzw, stamp_ns = conversions.message_to_pose(pose)
        moved = invert(self.truth) @ pose_matrix(position, quat_xyzw)
        np.testing.assert_allclose(moved[:3, :3], np.eye(3), atol=1e-6)
        # which of the images it was is not said: at 1 m/s metres are seconds
        flown_m = np.linalg.norm(moved[:3, 3])
        horizon_s = min(((stamp_ns - one) * 1e-9 for one in sent_ns), key=lambda one: abs(flown_m - one))
        assert abs(flown_m - horizon_s) < 0.005
        assert 0.1 <= horizon_s < 0.5
        return moved[:3, 3] / flown_m

    def test_pose_now_is_carried_on_by_odometry(self):
        static = tf2_ros.StaticTransformBroadcaster()
        static.sendTransform(transform(1, "nose", "nose_camera"))
        publisher = rospy.Publisher("/odom", Odometry, queue_size=10)
        wait_for(publisher.get_num_connections, "the node hears odometry")
        message = Odometry()
        message.header.frame_id, message.child_frame_id = "odom_of_this_test", "nose"
        message.pose.pose.orientation.w = message.twist.twist.linear.x = 1.0

        def publish(now, flown_m):
            message.header.stamp, message.pose.pose.position.x = now, flown_m
            publisher.publish(message)
            # an estimator that has diverged; no pose may come of it, and the node must outlive it
            nonsense = copy.deepcopy(message)
            nonsense.header.stamp += rospy.Duration(0.001)
            nonsense.pose.pose.position.x = math.nan
            publisher.publish(nonsense)

        np.testing.assert_allclose(self.carried_on("/seen/pose_now", publish), [1, 0, 0], atol=1e-4)

    def test_pose_now_is_carried_on_by_an_autopilots_attitude_and_velocity(self):
        static = tf2_ros.StaticTransformBroadcaster()
        static.sendTransform(transform(1, "tail", "tail_camera"))
        attitudes = rospy.Publisher("/dji_sdk/attitude", QuaternionStamped, queue_size=10)
        velocities = rospy.Publisher("/dji_sdk/velocity", Vector3Stamped, queue_size=10)
        for publisher in (attitudes, velocities):
            wait_for(publisher.get_num_connections, f"the node hears {publisher.name}")
        attitude, velocity, nonsense = QuaternionStamped(), Vector3Stamped(), Vector3Stamped()
        attitude.header.frame_id, velocity.header.frame_id = "body_FLU", "ground_ENU"
        # it looks north and flies east, to its right
        attitude.quaternion.z = attitude.quaternion.w = np.sqrt(0.5)
        velocity.vector.x, nonsense.vector.x = 1.0, math.nan

        def publish(now, _):
            attitude.header.stamp = velocity.header.stamp = nonsense.header.stamp = now
            for message in (nonsense, velocity):
                velocities.publish(message)
            attitudes.publish(attitude)

        np.testing.assert_allclose(self.carried_on("/carried/pose_now", publish), [0, -1, 0], atol=1e-4)

    def test_camera_mode_broadcasts_the_estimate(self):
        self.client.send()
        T_parent_camera, parent = self.wait_broadcast("seen_camera", self.client.stamp_ns)
        assert parent == PARENT_FRAME
        np.testing.assert_allclose(T_parent_camera, self.truth, atol=1e-5)

    def test_object_mode_locates_the_airframe_by_tf_at_the_images_stamp(self):
        stamp_ns = self.client.publish(fake_image_rgb(0))
        self.statuses["located"].wait_at(stamp_ns)
        # TF comes after the image, from before and after its stamp: the lookup waits, and interpolates
        for offset_ns, x in ((-STEP_NS // 2, 1.0), (STEP_NS // 2, 3.0)):
            self.broadcaster.sendTransform(transform(stamp_ns + offset_ns, "map", "base_link", (x, 0, 0), TURNED))
            self.broadcaster.sendTransform(transform(stamp_ns + offset_ns, "base_link", CHILD_FRAME, (0, 0, 0.5)))
        T_map_object, parent = self.wait_broadcast(f"{PARENT_FRAME}_estimate", stamp_ns)
        assert parent == "map"
        T_map_camera = pose_matrix(np.array([2.0, 0, 0.5]), np.array(TURNED))
        np.testing.assert_allclose(T_map_object, T_map_camera @ invert(self.truth), atol=1e-5)

    def test_odom_mode_broadcasts_the_correction(self):
        stamp_ns = self.client.next_stamp() + STEP_NS
        for offset_ns in (-STEP_NS, STEP_NS):
            self.broadcaster.sendTransform(transform(stamp_ns + offset_ns, "odom", "front_camera", (4, 5, 6), TURNED))
        assert self.client.publish(fake_image_rgb(0)) == stamp_ns
        T_model_odom, parent = self.wait_broadcast("odom", stamp_ns)
        assert parent == PARENT_FRAME
        T_odom_camera = pose_matrix(np.array([4.0, 5, 6]), np.array(TURNED))
        np.testing.assert_allclose(T_model_odom @ T_odom_camera, self.truth, atol=1e-5)

    def test_without_the_camera_in_tf_the_failure_is_counted_and_the_pose_published(self):
        poses = Heard("/located/pose", PoseStamped).wait_connected()
        self.addCleanup(poses.stop)
        before = self.statuses["located"].newest().tf_failures
        # a transform of another time is no help
        self.broadcaster.sendTransform(transform(self.client.stamp_ns - 10 * STEP_NS, "map", "base_link", (1, 0, 0)))
        stamp_ns = self.client.publish(fake_image_rgb(0))
        poses.wait_at(stamp_ns)

        def failed():
            self.client.publish(fake_image_rgb(0))
            return self.statuses["located"].newest().tf_failures > before

        wait_for(failed, "the failure is counted", period_s=0.2)
        assert not self.broadcasts(f"{PARENT_FRAME}_estimate", stamp_ns)

    def test_nothing_is_broadcast_when_lost(self):
        self.client.send()
        lost_ns = self.client.publish(WHITE)
        assert self.client.statuses.wait_at(lost_ns).state == RelocalizerStatus.LOST
        self.client.send()
        self.wait_broadcast("seen_camera", self.client.stamp_ns)
        assert not self.broadcasts("seen_camera", lost_ns)

    def test_nothing_is_broadcast_or_published_of_an_answer_with_a_low_score(self):
        poses = Heard("/seen/pose", PoseStamped).wait_connected()
        load = rospy.ServiceProxy("/seen/load_bundle", LoadBundle)
        self.addCleanup(poses.stop)
        with tempfile.TemporaryDirectory() as folder:
            assert load(str(write_calibrated_bundle(Path(folder) / "calibrated"))).ok
        self.addCleanup(load, str(COLOUR_BUNDLE))
        settings = Client("/seen", timeout=20.0)
        self.addCleanup(settings.update_configuration, {"lost_below": -1.0})
        settings.update_configuration({"lost_below": 1.0})
        lost = [self.client.send() for _ in range(3)]
        assert all(status.state == RelocalizerStatus.LOST and "score" in status.reason for status in lost)
        settings.update_configuration({"lost_below": -1.0})
        self.client.send()
        self.wait_broadcast("seen_camera", self.client.stamp_ns)
        poses.wait_at(self.client.stamp_ns)
        lost_ns = [status.header.stamp.to_nsec() for status in lost]
        assert not any(self.broadcasts("seen_camera", stamp_ns) or poses.at(stamp_ns) for stamp_ns in lost_ns)

    def test_a_frame_never_gets_a_second_parent(self):
        self.client.send()
        self.wait_broadcast("seen_camera", self.client.stamp_ns)
        rival = subprocess.Popen(
            ["rosrun", "tf2_ros", "static_transform_publisher", "0", "0", "0", "0", "0", "0", "1"]
            + ["somewhere", "seen_camera", "__name:=rival"],
            stdin=subprocess.DEVNULL,
        )
        try:
            wait_for(self.is_silent, "the node stops to broadcast what another node does")
            # the rival said it once and is there: it is not forgotten
            assert rospy.ServiceProxy("/seen/reset", Trigger)().success
            assert self.is_silent()
        finally:
            rival.terminate()
            rival.wait(20)

        def is_forgotten():
            # the node learns a moment later that the connection has ended
            assert rospy.ServiceProxy("/seen/reset", Trigger)().success
            return not self.is_silent()

        wait_for(is_forgotten, "the node broadcasts again")

    def test_a_node_that_starts_beside_a_static_rival_never_broadcasts(self):
        rival = tf2_ros.StaticTransformBroadcaster()
        rival.sendTransform(transform(1, "somewhere", "late_camera"))
        late = ["rosrun", "camera_relocalization_ros", "relocalizer", "__name:=late", f"_bundle:={COLOUR_BUNDLE}"]
        node = subprocess.Popen([*late, "_tf_child_frame:=late_camera", "image:=/camera/image_raw"])
        self.addCleanup(node.wait, 20)
        self.addCleanup(node.terminate)
        statuses = Heard("/late/status", RelocalizerStatus).wait_connected()
        self.addCleanup(statuses.stop)

        def answers():
            self.client.send()
            return statuses.newest().frames_answered > 10

        wait_for(answers, "the late node answers", 60.0, period_s=0.1)
        found = [one.child_frame_id for message in self.tf.all() for one in message.transforms]
        assert "late_camera" not in found


if __name__ == "__main__":
    rospy.init_node("test_node_tf")
    rostest.rosrun("camera_relocalization_ros", "test_node_tf", NodeTfTest)

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
from calibrated_bundle import SIGMA_M, SIGMA_RAD, write_calibrated_bundle
from camera_relocalization_ros.msg import RelocalizerStatus
from camera_relocalization_ros.srv import LoadBundle
from colour_bundle import COLOUR_BUNDLE, QUAT_XYZW, known_position
from dynamic_reconfigure.client import Client
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, QuaternionStamped, Vector3Stamped
from helpers import CHILD_FRAME, PARENT_FRAME, fake_image_rgb
from live import wait_for
from nav_msgs.msg import Odometry
from node_client import STEP_NS, Heard, NodeClient
from ros_helpers import transform
from scipy.spatial.transform import Rotation
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.geometry import invert, pose_matrix
from camera_relocalization_ros.ros import conversions

TURNED = (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))
WHITE = np.full((48, 64, 3), 255, np.uint8)
# an aircraft in east, north, up: its nose 30 degrees north of east, banked to the right and nose down
ROLL, PITCH, YAW = 0.2, 0.1, np.pi / 6
T_MAP_BODY = np.eye(4)
T_MAP_BODY[:3, :3] = Rotation.from_euler("ZYX", [YAW, PITCH, ROLL]).as_matrix()
T_MAP_BODY[:3, 3] = 3.0, 2.0, 1.5
# the same as an autopilot has it: north, east, down; yaw from north to the right, pitch up
NED_POSITION, NED_RPY = (2.0, 3.0, -1.5), (ROLL, -PITCH, np.pi / 2 - YAW)
NED_FROM_ENU = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
# ahead of and below its centre, looking forward and down
T_BODY_CAMERA = np.eye(4)
T_BODY_CAMERA[:3, :3] = Rotation.from_euler("YXZ", [0.5, -np.pi / 2, -np.pi / 2]).as_matrix()
T_BODY_CAMERA[:3, 3] = 0.4, -0.1, -0.2


def mavros_vision_pose(message):
    """Position (3,), roll, pitch, yaw (3,) and covariance (6, 6) that mavros' vision_pose plugin makes of a message.

    Its constants, as frame_tf has them: NED <- ENU is a half turn about east after a quarter turn about up, and a body
    of forward, right, down is one of forward, left, up after a half turn about its nose.
    """
    ned_enu, aircraft_body = Rotation.from_euler("xyz", [np.pi, 0, np.pi / 2]), Rotation.from_euler("x", np.pi)
    p, q = message.pose.pose.position, message.pose.pose.orientation
    turned = ned_enu * Rotation.from_quat([q.x, q.y, q.z, q.w]) * aircraft_body
    turn = np.zeros((6, 6))
    turn[:3, :3] = turn[3:, 3:] = ned_enu.as_matrix()
    covariance = turn @ np.reshape(message.pose.covariance, (6, 6)) @ turn.T
    return ned_enu.apply([p.x, p.y, p.z]), turned.as_euler("ZYX")[::-1], covariance


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
        # this node publishes nothing but OK, which a bundle that is not calibrated never is
        self.load_calibrated("carried")
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

    def load_calibrated(self, node):
        """Let a node answer with covariances for the time of one test."""
        load = rospy.ServiceProxy(f"/{node}/load_bundle", LoadBundle)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        assert load(str(write_calibrated_bundle(Path(folder.name) / "calibrated"))).ok
        self.addCleanup(load, str(COLOUR_BUNDLE))

    def hear(self, topic, kind):
        """Listen to a topic for the time of one test."""
        heard = Heard(topic, kind).wait_connected()
        self.addCleanup(heard.stop)
        return heard

    def broadcast_aircraft(self, stamp_ns, turned_rad=0.0):
        """The airframe in the map and the camera in the aircraft, such that BODY is where the aircraft is.

        turned_rad: how far the gimbal was turned before the stamp, and is the other way after it.
        """
        T_map_object = T_MAP_BODY @ T_BODY_CAMERA @ invert(self.truth)
        for offset_ns, sign in ((-STEP_NS // 2, -1.0), (STEP_NS // 2, 1.0)):
            T_body_camera = T_BODY_CAMERA.copy()
            T_body_camera[:3, :3] = Rotation.from_rotvec([0, 0, sign * turned_rad]).as_matrix() @ T_BODY_CAMERA[:3, :3]
            frames = (("map", PARENT_FRAME, T_map_object), ("base_link", CHILD_FRAME, T_body_camera))
            for parent, child, T in frames:
                moved = conversions.matrix_to_transform(T, stamp_ns + offset_ns, parent, child)
                self.broadcaster.sendTransform(moved)

    def test_body_pose_is_what_mavros_hands_to_the_autopilot(self):
        self.load_calibrated("located")
        fed = self.hear("/mavros/vision_pose/pose_cov", PoseWithCovarianceStamped)
        naive = self.hear("/located/pose_with_covariance", PoseWithCovarianceStamped)
        stamp_ns = self.client.publish(fake_image_rgb(0))
        self.broadcast_aircraft(stamp_ns, turned_rad=0.3)
        message = fed.wait_at(stamp_ns)
        assert message.header.frame_id == "map"
        position, rpy, covariance = mavros_vision_pose(message)
        np.testing.assert_allclose(position, NED_POSITION, atol=1e-5)
        np.testing.assert_allclose(rpy, NED_RPY, atol=1e-5)
        # errors of the rotation swing the body about the camera; the axes are north, east, down
        lever = NED_FROM_ENU @ T_MAP_BODY[:3, :3] @ -T_BODY_CAMERA[:3, 3]
        x, y, z = lever
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        spread = SIGMA_M**2 * np.eye(3) + SIGMA_RAD**2 * (lever @ lever * np.eye(3) - np.outer(lever, lever))
        expected = np.block([[spread, -(SIGMA_RAD**2) * cross], [SIGMA_RAD**2 * cross, SIGMA_RAD**2 * np.eye(3)]])
        np.testing.assert_allclose(covariance, expected, atol=1e-5)
        # the camera's pose in the airframe, relayed as it is, is another thing
        assert np.linalg.norm(mavros_vision_pose(naive.wait_at(stamp_ns))[0] - NED_POSITION) > 1.0

    def test_nothing_but_ok_poses_where_that_is_asked_for(self):
        self.load_calibrated("carried")
        heard = [
            self.hear("/carried/pose", PoseStamped),
            self.hear("/carried/pose_with_covariance", PoseWithCovarianceStamped),
            self.hear("/carried/odometry", Odometry),
        ]
        statuses = self.hear("/carried/status", RelocalizerStatus)
        # seen in one of two images
        degraded_ns = self.client.publish(fake_image_rgb(0), 20 * STEP_NS)
        assert statuses.wait_at(degraded_ns).state == RelocalizerStatus.DEGRADED
        ok_ns = self.client.publish(fake_image_rgb(0))
        assert statuses.wait_at(ok_ns).state == RelocalizerStatus.OK
        self.wait_broadcast("carried_camera", ok_ns)
        for one in heard:
            one.wait_at(ok_ns)
            assert one.at(degraded_ns) is None
        assert not self.broadcasts("carried_camera", degraded_ns)

    def fly_now(self, image_rgb=None):
        """Publish an image with the stamp of now, and where the aircraft is meanwhile; its stamp."""
        now_ns = rospy.Time.now().to_nsec()
        self.broadcast_aircraft(now_ns)
        self.client.stamp_ns = now_ns
        return self.client.publish(fake_image_rgb(0) if image_rgb is None else image_rgb, gap_ns=0)

    def fly_until(self, condition, what):
        """Images ten times a second until a condition holds; the stamp of the last one."""
        stamps_ns = []

        def holds():
            stamps_ns.append(self.fly_now())
            return condition()

        wait_for(holds, what, period_s=0.1)
        return stamps_ns[-1]

    def test_poses_at_a_fixed_rate_end_when_lost_and_when_no_image_comes(self):
        self.load_calibrated("located")
        bodies = self.hear("/located/body_pose_predicted", PoseWithCovarianceStamped)
        cameras = self.hear("/located/pose_predicted", PoseWithCovarianceStamped)
        statuses = self.statuses["located"]
        self.fly_until(lambda: len(bodies.all()) > 40 and len(cameras.all()) > 40, "predicted poses come")
        before = statuses.newest().reset_count
        for heard, frame, T in ((bodies, "map", T_MAP_BODY), (cameras, PARENT_FRAME, self.truth)):
            messages = heard.all()[-30:]
            gaps_s = np.diff([message.header.stamp.to_sec() for message in messages])
            assert 0.02 < np.median(gaps_s) < 0.03
            position, quat_xyzw = conversions.pose_of(messages[-1].pose.pose)
            assert messages[-1].header.frame_id == frame
            np.testing.assert_allclose(pose_matrix(position, quat_xyzw), T, atol=1e-3)
            # between two images it grows, and with the next it is smaller again
            traces = [np.trace(np.reshape(message.pose.covariance, (6, 6))) for message in messages]
            steps = np.diff(traces)
            assert (steps > 0).sum() > (steps < 0).sum() > 0
        lost_ns = self.fly_now(WHITE)
        assert statuses.wait_at(lost_ns).state == RelocalizerStatus.LOST
        heard_s = rospy.Time.now().to_sec()
        rospy.sleep(0.3)
        for heard in (bodies, cameras):
            assert heard.all()[-1].header.stamp.to_sec() < heard_s + 0.05
        last_ns = self.fly_until(lambda: bodies.all()[-1].header.stamp.to_sec() > heard_s + 0.1, "it goes on")
        assert statuses.wait_at(last_ns).reset_count == before + 1
        rospy.sleep(0.8)
        for heard in (bodies, cameras):
            assert 0.2 < heard.all()[-1].header.stamp.to_sec() - last_ns * 1e-9 <= 0.5

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

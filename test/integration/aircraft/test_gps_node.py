#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Fixes in, poses and TF out; with RTK, only while its status and yaw are good and fresh."""

import threading
import unittest

import numpy as np
import rospy
import rostest
from aircraft import attitude_messages, fix_messages
from geometry_msgs.msg import PoseStamped, QuaternionStamped
from live import wait_for
from sensor_msgs.msg import NavSatFix
from std_msgs.msg import Int16, UInt8
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.ros.conversions import message_to_pose, transform_to_pose
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

RECORDING = Recording(FlightPlan(placement=6, duration_s=1.0, rate_hz=5.0, seed=5))


class Listener:
    """Keeps poses and transforms by their stamps."""

    def __init__(self, node):
        self.lock = threading.Lock()
        self.poses, self.transforms = {}, {}
        rospy.Subscriber(f"/{node}/pose", PoseStamped, self.on_pose, queue_size=1000)
        rospy.Subscriber("/tf", TFMessage, self.on_tf, queue_size=1000)

    def on_pose(self, message):
        with self.lock:
            self.poses[message.header.stamp.to_nsec()] = message

    def on_tf(self, message):
        with self.lock:
            for one in message.transforms:
                self.transforms[one.header.stamp.to_nsec()] = one

    def has(self, stamp_ns):
        with self.lock:
            return stamp_ns in self.poses and stamp_ns in self.transforms


def publisher(topic, kind):
    found = rospy.Publisher(topic, kind, queue_size=1000)
    wait_for(found.get_num_connections, f"the node listens to {topic}")
    return found


class GpsNodeTest(unittest.TestCase):
    def setUp(self):
        self.listener = Listener("gps_node")
        self.fix = publisher("dji_sdk/gps_position", NavSatFix)

    def test_poses_are_the_flights(self):
        attitude = publisher("dji_sdk/attitude", QuaternionStamped)
        events = [(stamp, attitude, message) for stamp, message in attitude_messages(RECORDING)]
        fixes = [one for one in fix_messages(RECORDING) if one[0] < events[-1][0]]
        events += [(stamp, self.fix, message) for stamp, message in fixes]
        for stamp_ns, topic, message in sorted(events, key=lambda event: event[0]):
            topic.publish(message)
            for due, _ in fixes:
                if due < stamp_ns - 20_000_000:
                    wait_for(lambda due=due: self.listener.has(due), "a pose")
        for stamp_ns, _ in fixes:
            wait_for(lambda due=stamp_ns: self.listener.has(due), "a pose")
            message, transform = self.listener.poses[stamp_ns], self.listener.transforms[stamp_ns]
            position, quat, found_ns = message_to_pose(message)
            assert found_ns == stamp_ns
            assert message.header.frame_id == transform.header.frame_id == "map"
            assert transform.child_frame_id == "M100/gps"
            np.testing.assert_allclose(position, RECORDING.body_positions(np.array([stamp_ns]))[0], atol=1e-3)
            assert np.degrees(angular_distance(quat, RECORDING.attitudes(np.array([stamp_ns]))[0])) < 0.01
            for one, other in zip(transform_to_pose(transform), (position, quat)):
                np.testing.assert_allclose(one, other, atol=1e-9)


class RtkTest(unittest.TestCase):
    def setUp(self):
        self.listener = Listener("gps_node")
        self.fix = publisher("dji_sdk/rtk_position", NavSatFix)
        self.fixes = iter(fix_messages(RECORDING))
        self.sent = []

    def send_until(self, wanted, prepare):
        """Send fix after fix, each after what `prepare` sends; return when the newest one is (or is not) answered."""
        deadline = rospy.get_time() + 10
        while rospy.get_time() < deadline:
            prepare()
            rospy.sleep(0.1)  # topics have threads of their own; the status has to come first
            stamp_ns, message = next(self.fixes)
            self.sent.append(stamp_ns)
            self.fix.publish(message)
            rospy.sleep(0.3)
            if self.listener.has(stamp_ns) == wanted:
                return stamp_ns
        raise AssertionError(f"no fix was {'answered' if wanted else 'refused'}")

    def test_fixed_then_float_then_silence(self):
        status = publisher("dji_sdk/rtk_info_position", UInt8)
        yaw = publisher("dji_sdk/rtk_yaw", Int16)
        first = self.send_until(False, lambda: None)
        assert first == self.sent[0]

        def fixed():
            status.publish(50)
            yaw.publish(90)

        answered = self.send_until(True, fixed)
        message = self.listener.poses[answered]
        position, quat, _ = message_to_pose(message)
        assert message.header.frame_id == "enu"
        assert self.listener.transforms[answered].child_frame_id == "rover"
        np.testing.assert_allclose(position, RECORDING.body_positions(np.array([answered]))[0], atol=1e-3)
        # antenna 2 in the east, 90 degrees right of the nose: it points north
        np.testing.assert_allclose(quat, [0, 0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-9)

        def floating():
            status.publish(34)
            yaw.publish(90)

        self.send_until(False, floating)
        self.send_until(True, fixed)
        # nothing new for more than a second
        self.send_until(False, lambda: rospy.sleep(1.2))


if __name__ == "__main__":
    rospy.init_node("test_gps_node")
    case = {"gps": GpsNodeTest, "rtk": RtkTest}[rospy.get_param("~case")]
    rostest.rosrun("camera_relocalization_ros", "test_gps_node", case)

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Gimbal and attitude in, TF out, by gimbal_node and robot_state_publisher: the frames are those of core.gimbal."""

import threading
import unittest

import numpy as np
import rospy
import rostest
from aircraft import attitude_messages, gimbal_messages, header, old_type
from live import wait_for
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import Imu
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.geometry import angular_distance, pose_matrix, position_quat
from camera_relocalization_ros.ros.conversions import transform_to_pose
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

RECORDING = Recording(FlightPlan(placement=6, duration_s=0.4, rate_hz=5.0, seed=5))
# between the gimbal's 50 Hz, so that most samples wait for the attitude after them
ATTITUDE_HZ = 70
CHAIN = ["base_link", "gimbal_yaw", "gimbal_roll", "gimbal_pitch", "camera_link", "camera_optical_frame"]
CHAIN = [f"M100/{name}" for name in CHAIN]


class Frames:
    """Keeps TF by child frame and stamp; static ones at stamp None."""

    def __init__(self):
        self.lock = threading.Lock()
        self.poses = {}
        self.arrivals = 0
        rospy.Subscriber("/tf", TFMessage, self.on_tf, queue_size=1000)
        rospy.Subscriber("/tf_static", TFMessage, self.on_tf_static, queue_size=1000)

    def on_tf(self, message):
        with self.lock:
            for one in message.transforms:
                self.poses[one.child_frame_id, one.header.stamp.to_nsec()] = (one.header.frame_id, one)
                self.arrivals += 1

    def on_tf_static(self, message):
        with self.lock:
            for one in message.transforms:
                self.poses[one.child_frame_id, None] = (one.header.frame_id, one)

    def T_body_optical(self, stamp_ns):
        """The whole chain at a stamp, None while a part is missing."""
        matrix = np.eye(4)
        with self.lock:
            for parent, child in zip(CHAIN, CHAIN[1:]):
                found = self.poses.get((child, stamp_ns)) or self.poses.get((child, None))
                if found is None:
                    return None
                assert found[0] == parent
                matrix = matrix @ pose_matrix(*transform_to_pose(found[1]))
        return matrix


def as_osdk32(attitudes, gimbals):
    """The same flight in the messages of OSDK 3.2."""
    ned_in_enu = Rotation.from_matrix([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
    frd_in_flu = Rotation.from_euler("x", 180, degrees=True)
    kinds = old_type("dji_sdk/AttitudeQuaternion"), old_type("dji_sdk/Gimbal")
    old_attitudes, old_gimbals = [], []
    for stamp_ns, message in attitudes:
        q = message.quaternion
        x, y, z, w = (ned_in_enu.inv() * Rotation.from_quat([q.x, q.y, q.z, q.w]) * frd_in_flu).as_quat().tolist()
        values = {"q0": w, "q1": x, "q2": y, "q3": z, "wx": 0, "wy": 0, "wz": 0, "ts": 0}
        old_attitudes.append((stamp_ns, kinds[0](header=header(stamp_ns), **values)))
    for stamp_ns, message in gimbals:
        values = {"roll": message.vector.x, "pitch": message.vector.y, "yaw": message.vector.z, "ts": 0}
        old_gimbals.append((stamp_ns, kinds[1](header=header(stamp_ns), **values)))
    return old_attitudes, old_gimbals


def as_imu(attitudes):
    return [(stamp_ns, Imu(header=message.header, orientation=message.quaternion)) for stamp_ns, message in attitudes]


class GimbalNodeTest(unittest.TestCase):
    def setUp(self):
        kind = rospy.get_param("~messages")
        attitudes, gimbals = attitude_messages(RECORDING, ATTITUDE_HZ), gimbal_messages(RECORDING)
        if kind == "osdk32":
            attitudes, gimbals = as_osdk32(attitudes, gimbals)
        elif kind == "imu":
            attitudes = as_imu(attitudes)
        self.attitudes, self.gimbals = attitudes, gimbals
        self.frames = Frames()

    def publishers(self):
        found = []
        for name, messages in (("attitude", self.attitudes), ("gimbal_angle", self.gimbals)):
            topic = rospy.get_param(f"~{name}")
            found.append(rospy.Publisher(topic, type(messages[0][1]), queue_size=1000))
            wait_for(lambda: found[-1].get_num_connections(), f"the node listens to {topic}")
        return found

    def play(self, publish_attitude, publish_gimbal):
        """All messages in the order of their stamps; returns the stamps of the gimbal samples that were answered.

        Each answer is waited for, because robot_state_publisher keeps only the newest message that waits for it.
        """
        events = [(stamp, 0, publish_attitude, message) for stamp, message in self.attitudes]
        events += [(stamp, 1, publish_gimbal, message) for stamp, message in self.gimbals]
        before, attitude_ns, sent = self.frames.arrivals, 0, []
        for stamp, kind, publish, message in sorted(events, key=lambda event: event[:2]):
            publish(message)
            if kind == 0:
                attitude_ns = stamp
            else:
                sent.append(stamp)
            due = [one for one in sent if one <= attitude_ns]
            wait_for(lambda due=due: self.frames.arrivals - before >= 3 * len(due), f"{len(due)} answers")
        return due

    def test_tf_is_core_gimbals_also_when_the_flight_is_played_again(self):
        attitude, gimbal = self.publishers()
        wait_for(lambda: (CHAIN[-1], None) in self.frames.poses, "robot_state_publisher's static frames")
        for _ in range(2):
            stamps_ns = self.play(attitude.publish, gimbal.publish)
            assert len(stamps_ns) > 40
            expected = RECORDING.flight.gimbal(RECORDING.seconds(np.array(stamps_ns))).T_body_optical()
            found = np.array([self.frames.T_body_optical(stamp_ns) for stamp_ns in stamps_ns])
            (position, quat), (true_position, true_quat) = position_quat(found), position_quat(expected)
            # DJI rounds its three angles to 0.1 degrees
            assert np.degrees(angular_distance(quat, true_quat)).max() < 0.1
            assert np.linalg.norm(position - true_position, axis=1).max() < 1e-3
            with self.frames.lock:
                self.frames.poses = {key: value for key, value in self.frames.poses.items() if key[1] is None}

    def test_a_topic_of_another_type_is_survived(self):
        stranger = rospy.Publisher(rospy.get_param("~attitude"), String, queue_size=10)
        wait_for(stranger.get_num_connections, "the node listens")
        stranger.publish("no attitude")
        stranger.unregister()


if __name__ == "__main__":
    rospy.init_node("test_gimbal_node")
    rostest.rosrun("camera_relocalization_ros", "test_gimbal_node", GimbalNodeTest)

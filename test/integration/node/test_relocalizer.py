#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The live node, fed one image after another: pose, stamp, frames, TF, status, and bad days."""

import itertools
import math
import threading
import time
import unittest

import cv2
import numpy as np
import rospy
import rostest
from camera_relocalization_ros.msg import RelocalizerStatus
from colour_bundle import COLOUR_BUNDLE, QUAT_XYZW, known_position
from geometry_msgs.msg import PoseStamped
from helpers import CHILD_FRAME, PARENT_FRAME, START_NS, encoded, fake_image_rgb
from live import wait_for
from sensor_msgs.msg import CompressedImage, Image
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.ros import conversions

S = 1_000_000_000
STEP_NS = S // 10
BLACKOUT_S = 5
MESSAGE_TYPES = {"raw": Image, "compressed": CompressedImage}


class Listener:
    """Keeps what the node publishes, by the stamp of its image."""

    def __init__(self):
        self.lock = threading.Lock()
        self.poses, self.transforms, self.statuses = {}, {}, []
        self.subscribers = [
            rospy.Subscriber("/relocalizer/pose", PoseStamped, self.on_pose),
            rospy.Subscriber("/relocalizer/status", RelocalizerStatus, self.on_status),
            rospy.Subscriber("/tf", TFMessage, self.on_tf),
        ]

    def on_pose(self, message):
        with self.lock:
            self.poses[message.header.stamp.to_nsec()] = message

    def on_status(self, message):
        with self.lock:
            self.statuses.append(message)

    def on_tf(self, message):
        with self.lock:
            for transform in message.transforms:
                self.transforms[transform.header.stamp.to_nsec()] = transform

    def status_of(self, stamp_ns):
        with self.lock:
            found = [status for status in self.statuses if status.header.stamp.to_nsec() == stamp_ns]
        return found[-1] if found else None

    def count_of(self, state):
        with self.lock:
            return sum(status.state == state for status in self.statuses)

    def newest_state(self):
        with self.lock:
            return self.statuses[-1].state if self.statuses else None


def counts(status):
    """Rejected images by kind."""
    return {one.kind: one.count for one in status.rejected}


class RelocalizerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.transport = rospy.get_param("~transport")
        cls.listener = Listener()
        topic = rospy.get_param("~image_topic")
        cls.publisher = rospy.Publisher(topic, MESSAGE_TYPES[cls.transport], queue_size=1)
        wait_for(lambda: cls.publisher.get_num_connections() > 0, f"the node subscribes to {topic}", 60.0)
        wait_for(lambda: all(s.get_num_connections() for s in cls.listener.subscribers), "the node's topics are heard")
        wait_for(lambda: cls.listener.newest_state() is not None, "the node tells its state")
        cls.first_state = cls.listener.newest_state()
        # before that it listens whether somebody else broadcasts its frame
        early_ns = itertools.count(START_NS - 1000 * S, STEP_NS)

        def is_broadcast():
            cls.publisher.publish(cls.message(fake_image_rgb(0), next(early_ns)))
            return cls.listener.transforms

        wait_for(is_broadcast, "TF is broadcast", period_s=0.1)

    @classmethod
    def message(cls, image_rgb, stamp_ns):
        if cls.transport == "raw":
            return conversions.rgb_to_image(image_rgb, stamp_ns, "some_camera")
        return conversions.encoded_to_compressed(encoded(image_rgb), ".png", stamp_ns, "some_camera")

    def send(self, message):
        """Publish an image and return what the node says of it."""
        self.publisher.publish(message)
        stamp_ns = message.header.stamp.to_nsec()
        return wait_for(lambda: self.listener.status_of(stamp_ns), f"a status for stamp {stamp_ns}")

    def send_image(self, stamp_ns, seed=0):
        return self.send(self.message(fake_image_rgb(seed), stamp_ns))

    def pose_of(self, stamp_ns):
        return wait_for(lambda: self.listener.poses.get(stamp_ns), f"a pose for stamp {stamp_ns}")

    def assert_pose(self, position, quat_xyzw, seed):
        np.testing.assert_allclose(position, known_position(fake_image_rgb(seed)), atol=1e-5)
        np.testing.assert_allclose(quat_xyzw, QUAT_XYZW, atol=1e-6)

    def assert_rejected(self, message, says, kind):
        """A frame is refused, says why, is counted, and the next good one is answered."""
        stamp_ns = message.header.stamp.to_nsec()
        before = self.send_image(stamp_ns - STEP_NS)
        status = self.send(message)
        assert status.state == RelocalizerStatus.LOST
        assert says in status.reason
        assert status.frames_rejected == before.frames_rejected + 1
        assert counts(status)[kind] == counts(before).get(kind, 0) + 1
        assert sum(counts(status).values()) == status.frames_rejected
        assert status.window_length == 0
        assert math.isnan(status.latency) and math.isnan(status.inference_time)
        after = self.send_image(stamp_ns + STEP_NS)
        assert (after.state, after.window_length) == (RelocalizerStatus.DEGRADED, 1)
        assert after.reason == "seen in 1 of 2 images"
        assert self.send_image(stamp_ns + 2 * STEP_NS).window_length == 2
        self.pose_of(stamp_ns + 2 * STEP_NS)
        assert stamp_ns not in self.listener.poses
        assert stamp_ns not in self.listener.transforms

    def test_it_was_ready_before_the_first_image(self):
        assert self.first_state == RelocalizerStatus.WARMING_UP

    def test_pose_tf_and_status_of_known_images(self):
        stamps_ns = [START_NS + 7 + k * STEP_NS for k in range(3)]
        statuses = [self.send_image(stamp_ns, seed) for seed, stamp_ns in enumerate(stamps_ns)]
        assert [status.window_length for status in statuses] == [1, 2, 2]
        assert statuses[0].state == RelocalizerStatus.DEGRADED
        # of a bundle that is not calibrated nothing is OK, and that is all that speaks against it
        assert (statuses[2].state, statuses[2].reason) == (RelocalizerStatus.DEGRADED, "not calibrated")
        for seed, stamp_ns in enumerate(stamps_ns):
            pose = self.pose_of(stamp_ns)
            assert pose.header.frame_id == PARENT_FRAME
            self.assert_pose(*conversions.message_to_pose(pose)[:2], seed)
            transform = wait_for(lambda stamp_ns=stamp_ns: self.listener.transforms.get(stamp_ns), "a transform")
            assert transform.header.frame_id == PARENT_FRAME
            assert transform.child_frame_id == rospy.get_param("~tf_child_frame")
            assert transform.child_frame_id != CHILD_FRAME
            self.assert_pose(*conversions.transform_to_pose(transform), seed)

    def test_status_has_its_numbers(self):
        self.send_image(START_NS + 10 * S)
        status = self.send_image(START_NS + 10 * S + STEP_NS)
        assert status.header.frame_id == "some_camera"
        assert status.bundle_id == load_bundle(COLOUR_BUNDLE).bundle_id
        assert 0 < status.inference_time < status.latency < 5.0
        assert abs(rospy.get_time() - status.header.stamp.to_sec() - status.age) < 20.0
        assert math.isnan(status.score)
        assert (status.frames_lost, status.frames_skipped) == (0, 0)
        done = status.frames_answered + status.frames_rejected + status.frames_dropped
        assert status.frames_seen == done

    def test_a_gap_and_time_going_back_empty_the_buffer(self):
        for stamp_ns in (START_NS + 30 * S, START_NS + 31 * S, START_NS + 20 * S):
            assert self.send_image(stamp_ns).window_length == 1
            assert self.send_image(stamp_ns + STEP_NS).window_length == 2

    def test_an_image_without_stamp_is_rejected(self):
        before = counts(self.send_image(START_NS + 40 * S)).get("stamp", 0)
        message = self.message(fake_image_rgb(0), 0)
        self.publisher.publish(message)
        status = wait_for(lambda: self.listener.status_of(0), "a status for stamp 0")
        assert "without a stamp" in status.reason
        assert counts(status)["stamp"] == before + 1
        assert 0 not in self.listener.poses

    def test_a_stamp_that_no_header_holds(self):
        """Added up it is more than 32 bits of seconds: no message of the node could carry it."""
        before = counts(self.send_image(START_NS + 45 * S)).get("stamp", 0)
        message = self.message(fake_image_rgb(0), START_NS + 45 * S)
        message.header.stamp.secs, message.header.stamp.nsecs = 2**32 - 1, 4_000_000_000
        self.publisher.publish(message)
        wrong_ns = message.header.stamp.to_nsec()
        status = wait_for(lambda: self.listener.status_of(wrong_ns), "a status for the stamp")
        assert (status.state, counts(status)["stamp"]) == (RelocalizerStatus.LOST, before + 1)
        assert "4294967295 s and 4000000000 ns" in status.reason
        assert self.send_image(START_NS + 46 * S).frames_seen > status.frames_seen

    def test_an_image_that_does_not_decode(self):
        message = self.message(fake_image_rgb(0), START_NS + 50 * S)
        message.data = message.data[: len(message.data) // 2]
        self.assert_rejected(message, "does not convert" if self.transport == "raw" else "does not decode", "encoding")

    def test_a_jpeg_that_was_cut_short(self):
        if self.transport == "raw":
            self.skipTest("raw images are no JPEG")
        data = encoded(fake_image_rgb(0), ".jpg")
        stamp_ns = START_NS + 52 * S
        message = conversions.encoded_to_compressed(data[: len(data) * 2 // 3], ".jpg", stamp_ns, "some_camera")
        self.assert_rejected(message, "was cut short", "encoding")

    def test_an_image_without_pixels(self):
        message = self.message(fake_image_rgb(0), START_NS + 54 * S)
        message.data = b""
        if self.transport == "raw":
            message.width = message.height = message.step = 0
        self.assert_rejected(message, "it is empty", "encoding")

    def test_an_encoding_that_there_is_not(self):
        message = self.message(fake_image_rgb(0), START_NS + 56 * S)
        if self.transport == "raw":
            message.encoding = "rgb7"
        else:
            message.format, message.data = "h264", b"\x00\x00\x00\x01\x67" + 100 * b"\x42"
        self.assert_rejected(message, "does not", "encoding")

    def test_an_image_of_another_shape(self):
        image_rgb = cv2.resize(fake_image_rgb(0), (64, 64))
        self.assert_rejected(self.message(image_rgb, START_NS + 60 * S), "64x64", "shape")

    def test_an_answer_that_is_no_number(self):
        white = np.full((48, 64, 3), 255, np.uint8)
        self.assert_rejected(self.message(white, START_NS + 70 * S), "not finite", "answer")

    def test_another_resolution_in_mid_flight_is_answered(self):
        self.send_image(START_NS + 80 * S)
        for step in (1, 2):
            stamp_ns = START_NS + 80 * S + step * STEP_NS
            image_rgb = cv2.resize(fake_image_rgb(0), (640, 480), interpolation=cv2.INTER_NEAREST)
            # the window never mixes two sizes
            assert self.send(self.message(image_rgb, stamp_ns)).window_length == step
            self.assert_pose(*conversions.message_to_pose(self.pose_of(stamp_ns))[:2], 0)

    def test_of_a_stream_with_a_tenth_of_corrupt_images_all_others_are_answered(self):
        first_ns = START_NS + 100 * S
        corrupt, white = [], np.full((48, 64, 3), 255, np.uint8)
        for number in range(60):
            message = self.message(white if number == 9 else fake_image_rgb(number % 7), first_ns + number * STEP_NS)
            if number % 10 == 9:
                corrupt.append(message.header.stamp.to_nsec())
                message.data = message.data if number == 9 else message.data[: len(message.data) * (number - 9) // 60]
            status = self.send(message)
            is_lost = status.state == RelocalizerStatus.LOST
            # the first after a bad one, or of all, is seen in one image
            assert (is_lost, status.window_length) == {9: (True, 0), 0: (False, 1)}.get(number % 10, (False, 2)), status
        last_ns = first_ns + 59 * STEP_NS
        assert self.send_image(last_ns + STEP_NS).window_length == 1
        assert self.send_image(last_ns + 2 * STEP_NS).window_length == 2
        self.pose_of(last_ns + 2 * STEP_NS)
        answered = [stamp for stamp in self.listener.poses if first_ns <= stamp <= last_ns]
        assert len(answered) == 54
        assert not set(corrupt) & set(answered)

    def test_a_blackout_of_five_seconds_is_told_gives_no_pose_and_ends(self):
        self.send_image(START_NS + 90 * S)
        self.pose_of(START_NS + 90 * S)
        began_s, poses = time.monotonic(), set(self.listener.poses)
        told_before = self.listener.count_of(RelocalizerStatus.STALE)
        wait_for(lambda: time.monotonic() - began_s > BLACKOUT_S, "the blackout is over")
        # one message each stale_after, which is a second here
        assert self.listener.count_of(RelocalizerStatus.STALE) - told_before >= BLACKOUT_S - 2
        assert self.listener.newest_state() == RelocalizerStatus.STALE
        assert set(self.listener.poses) == poses
        first = self.send_image(START_NS + 95 * S)
        assert (first.state, first.window_length) == (RelocalizerStatus.DEGRADED, 1)
        assert self.send_image(START_NS + 95 * S + STEP_NS).window_length == 2


if __name__ == "__main__":
    rospy.init_node("test_relocalizer")
    rostest.rosrun("camera_relocalization_ros", "test_relocalizer", RelocalizerTest)

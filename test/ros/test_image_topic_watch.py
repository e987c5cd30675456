# SPDX-License-Identifier: BSD-3-Clause
"""Whoever gets no images is told why, and what to type."""

import pytest
import rospy
from live import wait_for

from camera_relocalization_ros.ros import image_topic_watch
from camera_relocalization_ros.ros.image_topic_watch import ImageTopicWatch, explain_silence

IMAGE, COMPRESSED = "sensor_msgs/Image", "sensor_msgs/CompressedImage"
RAW_TOPIC, COMPRESSED_TOPIC = "/cam/image_raw", "/cam/image_raw/compressed"
BESIDE = {"/rosout": "rosgraph_msgs/Log", "/other/picture": IMAGE}


@pytest.mark.parametrize(
    ("topic", "wanted", "published", "says"),
    [
        (
            "/cam/imgae_raw",
            IMAGE,
            {RAW_TOPIC: IMAGE},
            "nobody publishes it; there is /cam/image_raw (",
        ),
        ("/cam/imgae_raw", IMAGE, {RAW_TOPIC: IMAGE}, "image_topic:=/cam/image_raw transport:=raw"),
        ("/cam/imgae_raw", IMAGE, {RAW_TOPIC: IMAGE, COMPRESSED_TOPIC: COMPRESSED}, ":=/cam/image_raw transport:=raw"),
        (COMPRESSED_TOPIC, IMAGE, {COMPRESSED_TOPIC: COMPRESSED}, "it carries sensor_msgs/CompressedImage"),
        (COMPRESSED_TOPIC, IMAGE, {COMPRESSED_TOPIC: COMPRESSED}, f":={COMPRESSED_TOPIC} transport:=compressed"),
        (COMPRESSED_TOPIC, COMPRESSED, {RAW_TOPIC: IMAGE}, "image_topic:=/cam/image_raw transport:=raw"),
        (RAW_TOPIC, IMAGE, {COMPRESSED_TOPIC: COMPRESSED}, f":={COMPRESSED_TOPIC} transport:=compressed"),
        (RAW_TOPIC, IMAGE, {RAW_TOPIC: IMAGE}, "ROS_IP and ROS_HOSTNAME"),
        (RAW_TOPIC, IMAGE, {RAW_TOPIC: "sensor_msgs/CameraInfo"}, "it carries sensor_msgs/CameraInfo, no images"),
    ],
)
def test_what_the_master_has_and_what_to_type(topic, wanted, published, says):
    complaint = explain_silence(topic, wanted, {**BESIDE, **published})
    assert complaint.startswith(f"no image came on {topic} ({wanted})") and says in complaint


def test_nothing_to_choose_from():
    assert "nor images on any other topic" in explain_silence(RAW_TOPIC, IMAGE, {"/rosout": "rosgraph_msgs/Log"})
    assert "the master does not answer" in explain_silence(RAW_TOPIC, IMAGE, None)


def test_it_is_logged_once_and_over_with_the_first_image(monkeypatch):
    reported, answers, seen = [], [], []
    monkeypatch.setattr(rospy, "logwarn", reported.append)
    monkeypatch.setattr(image_topic_watch, "_published_types", lambda: answers.append(1) or BESIDE)
    watch = ImageTopicWatch(lambda: bool(seen), patience_s=0.01)
    assert watch.complaint == ""
    watch.start(RAW_TOPIC, IMAGE)
    wait_for(lambda: len(answers) > 3, "the master is asked again and again")
    assert reported == [watch.complaint] and "/other/picture" in watch.complaint
    seen.append("an image")
    wait_for(lambda: watch.complaint == "", "all is well")

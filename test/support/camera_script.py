#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A camera driver in a process of its own: images of helpers.fake_image_rgb at 10 Hz, until it is killed."""

from __future__ import annotations

import rospy
from helpers import fake_image_rgb
from sensor_msgs.msg import Image

from camera_relocalization_ros.ros.conversions import rgb_to_image

PERIOD_NS = 100_000_000


def seed_of(stamp_ns: int) -> int:
    """Which image is sent with a stamp, so that who hears a pose knows what it should be."""
    return stamp_ns // PERIOD_NS % 100


def main() -> None:
    rospy.init_node("camera", anonymous=True)
    publisher = rospy.Publisher("/camera/image_raw", Image, queue_size=1)
    rate = rospy.Rate(10)
    while not rospy.is_shutdown():
        stamp_ns = rospy.Time.now().to_nsec()
        publisher.publish(rgb_to_image(fake_image_rgb(seed_of(stamp_ns)), stamp_ns, "camera"))
        rate.sleep()


if __name__ == "__main__":
    main()

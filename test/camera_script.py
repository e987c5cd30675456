#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A camera driver in a process of its own: the images of helpers.fake_image_rgb at 10 Hz, until it is killed."""

from __future__ import annotations

import rospy
from helpers import fake_image_rgb
from sensor_msgs.msg import Image

from camera_relocalization_ros.ros.conversions import rgb_to_image


def main() -> None:
    rospy.init_node("camera", anonymous=True)
    publisher = rospy.Publisher("/camera/image_raw", Image, queue_size=1)
    rate, number = rospy.Rate(10), 0
    while not rospy.is_shutdown():
        stamp_ns = rospy.Time.now().to_nsec()
        publisher.publish(rgb_to_image(fake_image_rgb(number), stamp_ns, "camera"))
        number += 1
        rate.sleep()


if __name__ == "__main__":
    main()

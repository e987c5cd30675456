#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A camera as camera_script, whose clock is so many seconds off: chaos_camera.py OFFSET."""

from __future__ import annotations

import sys

import rospy
from camera_script import seed_of
from helpers import CAMERA, fake_image_rgb
from sensor_msgs.msg import CameraInfo, Image

from camera_relocalization_ros.ros.conversions import camera_to_info, rgb_to_image


def main() -> None:
    rospy.init_node("camera", anonymous=True)
    images = rospy.Publisher("/camera/image_raw", Image, queue_size=1)
    infos = rospy.Publisher("/camera/camera_info", CameraInfo, queue_size=1)
    rate = rospy.Rate(10)
    while not rospy.is_shutdown():
        stamp_ns = rospy.Time.now().to_nsec() + int(sys.argv[1]) * 1_000_000_000
        infos.publish(camera_to_info(CAMERA, stamp_ns, "camera"))
        images.publish(rgb_to_image(fake_image_rgb(seed_of(stamp_ns)), stamp_ns, "camera"))
        rate.sleep()


if __name__ == "__main__":
    main()

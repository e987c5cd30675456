#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# message_filters' ApproximateTimeSynchronizer of Python pairs an image with an older pose, although one of its own stamp is there.
#
# Guess beforehand: `slop` is how far apart two stamps may be; within it each image is paired with the nearest pose, as
# the C++ policy ApproximateTime looks for the set of messages that lie closest. So a larger slop pairs more, not worse.
# Seen (Debian 12, python3-message-filters 1.15.15): it pairs at once with the nearest of
# what has come so far. Poses every 20 ms, each image just before the pose of its own stamp, in the order of stamps: with
# a slop of 0.02 s images are paired with their poses, with 0.03 s or more with poses 20 ms older. A drone that
# turns by 90 deg/s is 1.8 degrees further by then.
# So camera_relocalization_ros looks poses up in what was recorded, at the stamp of the image, when all has been read.
set -euo pipefail
version=1.15.15
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-message-filters 2>/dev/null | grep -q " $version"; then
  echo "skipped: python3-message-filters $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq python3-message-filters python3-rospy python3-roslib python3-rosgraph python3-rosgraph-msgs python3-roscpp-msg \
  python3-std-msgs python3-sensor-msgs python3-geometry-msgs python3-genpy python3-genmsg python3-rospkg python3-catkin \
  python3-catkin-pkg python3-pyparsing python3-yaml python3-numpy 2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
cat >program.py <<'PYTHON'
import message_filters
import rospy
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image

POSE_MS, IMAGE_MS, END_MS = 20, 100, 400
rospy.rostime.set_rostime_initialized(True)


def pairs(slop_s):
    """Stamps in ms, of images and of the poses that they are paired with."""
    images, poses, found = message_filters.SimpleFilter(), message_filters.SimpleFilter(), []
    synchronizer = message_filters.ApproximateTimeSynchronizer([images, poses], queue_size=20, slop=slop_s)
    synchronizer.registerCallback(lambda *messages: found.append(tuple(m.header.stamp.to_nsec() // 10**6 for m in messages)))
    for ms in range(POSE_MS, END_MS, POSE_MS):
        stamp = rospy.Time(0, ms * 10**6)
        if ms % IMAGE_MS == 0:
            image = Image()
            image.header.stamp = stamp
            images.signalMessage(image)
        pose = PoseStamped()
        pose.header.stamp = stamp
        poses.signalMessage(pose)
    return found


for slop_s in (0.005, 0.02, 0.03, 0.1):
    print(f"slop {slop_s} s: image and pose, in ms: {pairs(slop_s)}")
assert pairs(0.005) == pairs(0.02) == [(100, 100), (200, 200), (300, 300)]
assert pairs(0.03) == pairs(0.1) == [(100, 80), (200, 180), (300, 280)]
PYTHON
env -i PATH=/usr/bin:/bin HOME="$folder" ROS_LOG_DIR="$folder" ROS_MASTER_URI=http://127.0.0.1:9 \
  PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages" /usr/bin/python3 program.py
echo "still so: a larger slop pairs images with older poses"

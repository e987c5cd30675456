#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# tf2's do_transform_pose gives a pose the stamp of the transform, which is none where the mount of a camera is static.
#
# Guess beforehand: to transform a stamped pose into another frame changes its frame and its numbers. When it was stays, as
# with tf's transformPose; the transform says where the frames were, not when the image was taken.
# Seen (Debian 12, python3-tf2-geometry-msgs 0.7.6): the whole header of the transform becomes the pose's. With
# lookup_transform(..., rospy.Time(0)), which is how a mount that never moves is looked up, the answer's stamp is zero, and so
# is that of the pose of an image from 1000.5 s; points, vectors and wrenches alike, by the code. Where a gimbal says on /tf
# how the camera is mounted it is the stamp of the gimbal's last message. tf2_ros.Buffer.transform, and tf's own
# transformPose, keep the pose's. Nothing is raised or said, and the numbers are right.
# To tf2 a pose of stamp zero is one of whenever the newest transform is, and it pairs with no image.
# Consequence for whoever turns a camera's pose into its vehicle's: look the mount up at the pose's own stamp.
set -euo pipefail
version=0.7.6-1
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-tf2-geometry-msgs 2>/dev/null | grep -qF " $version "; then
  echo "skipped: python3-tf2-geometry-msgs $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq "python3-tf2-geometry-msgs=$version" python3-tf2-ros python3-tf2-msgs python3-tf2 python3-tf libtf2-2d \
  python3-pykdl liborocos-kdl1.5 librostime1d libconsole-bridge1.0 libpython3.11 python3-actionlib python3-actionlib-msgs \
  python3-rospy python3-roslib python3-rosgraph python3-rosgraph-msgs python3-roscpp-msg python3-std-msgs \
  python3-geometry-msgs python3-sensor-msgs python3-genpy python3-genmsg python3-rospkg python3-catkin python3-catkin-pkg \
  python3-pyparsing python3-yaml python3-numpy 2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
cat >program.py <<'PYTHON'
import rospy
import tf
import tf2_geometry_msgs
import tf2_ros
from geometry_msgs.msg import PoseStamped, TransformStamped

IMAGE_S = 1000.5


def mount(second):
    """Where the camera is on the body: half a metre forwards."""
    message = TransformStamped()
    message.header.stamp, message.header.frame_id, message.child_frame_id = rospy.Time(second), "body", "camera"
    message.transform.translation.x, message.transform.rotation.w = 0.5, 1.0
    return message


pose = PoseStamped()
pose.header.stamp, pose.header.frame_id = rospy.Time.from_sec(IMAGE_S), "camera"
pose.pose.position.x, pose.pose.orientation.w = 2.0, 1.0

static, gimbal, older = tf2_ros.BufferCore(), tf2_ros.BufferCore(), tf.TransformerROS()
static.set_transform_static(mount(0), "a node")
for second in (990, 1000, 1010):
    gimbal.set_transform(mount(second), "a node")
    older.setTransform(mount(second))


def by_do_transform(buffer, stamp):
    return tf2_geometry_msgs.do_transform_pose(pose, buffer.lookup_transform_core("body", "camera", stamp))


class Static(tf2_ros.BufferInterface):
    """What Buffer.transform does, without a node."""

    def lookup_transform(self, target_frame, source_frame, time, timeout=None):
        return static.lookup_transform_core(target_frame, source_frame, time)


newest = rospy.Time(0)
seen = {
    "do_transform_pose, static mount, newest": by_do_transform(static, newest),
    "do_transform_pose, gimbal, newest": by_do_transform(gimbal, newest),
    "do_transform_pose, static mount, at the pose's stamp": by_do_transform(static, pose.header.stamp),
    "tf2's Buffer.transform, static mount": Static().transform(pose, "body"),
    "tf's transformPose, gimbal": older.transformPose("body", pose),
}
stamps = []
for name, found in seen.items():
    stamps.append(found.header.stamp.to_sec())
    print(f"{name}: {found.header.frame_id}, x {found.pose.position.x} m, stamp {stamps[-1]} s; the image's is {IMAGE_S}")
    assert found.header.frame_id == "body" and found.pose.position.x == 2.5
assert stamps == [0.0, 1010.0, IMAGE_S, IMAGE_S, IMAGE_S]
PYTHON
libraries=$(find "$folder/tools" -name 'lib*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
env -i PATH=/usr/bin:/bin HOME="$folder" ROS_LOG_DIR="$folder" ROS_MASTER_URI=http://127.0.0.1:9 LD_LIBRARY_PATH="$libraries" \
  PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages" /usr/bin/python3 program.py
echo "still so: a pose that went through a static mount has no stamp"

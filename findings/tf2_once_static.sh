#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Of a frame that was static once, tf2 answers every stamp with the newest pose.
#
# Guess beforehand: when a frame comes on /tf_static first and on /tf later (a nominal mount until a gimbal reports), tf2
# goes by the stamps from then on: between two poses it interpolates, before the first and after the last it refuses. Or
# it refuses the second kind, as it does a pose that is older than its memory.
# Seen (Debian 12, python3-tf2 and libtf2-2d 0.7.6): what a frame is is settled by the first message of it. Static first:
# each stamped pose replaces the one before, and any stamp, of the past and of the future, gets the newest as if it were of
# that stamp. Nothing is raised or said. The other way round the static pose holds at its own stamp alone. Which
# comes first is a matter of which publisher was connected first.
# So camera_relocalization_ros looks nothing up by way of a frame that is on both with other values, and says so.
set -euo pipefail
version=0.7.6-1+b2
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-tf2 2>/dev/null | grep -qF " $version "; then
  echo "skipped: python3-tf2 $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq "python3-tf2=$version" libtf2-2d librostime1d libconsole-bridge1.0 libpython3.11 python3-rospy \
  python3-roslib python3-rosgraph python3-rosgraph-msgs python3-roscpp-msg python3-std-msgs python3-geometry-msgs \
  python3-genpy python3-genmsg python3-rospkg python3-catkin python3-catkin-pkg python3-pyparsing python3-yaml \
  python3-numpy 2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
cat >program.py <<'PYTHON'
import rospy
import tf2_py
from geometry_msgs.msg import TransformStamped


def said(x, second=0):
    message = TransformStamped()
    message.header.stamp, message.header.frame_id, message.child_frame_id = rospy.Time(second), "base", "camera"
    message.transform.translation.x, message.transform.rotation.w = x, 1.0
    return message


def answers(buffer):
    """x of the camera at four stamps; the poses on /tf were stamped 11 s to 15 s, with x = 11 to 15."""
    found = []
    for time in (5.0, 11.5, 14.0, 20.0):
        try:
            found.append(buffer.lookup_transform_core("base", "camera", rospy.Time.from_sec(time)).transform.translation.x)
        except tf2_py.ExtrapolationException:
            found.append("refused")
    return found


def buffer_of(*messages):
    buffer = tf2_py.BufferCore(rospy.Duration(60))
    for is_static, message in messages:
        (buffer.set_transform_static if is_static else buffer.set_transform)(message, "a node")
    return buffer


stamped = [(False, said(float(second), second)) for second in range(11, 16)]
nominal = (True, said(0.0))
seen = {
    "/tf alone": answers(buffer_of(*stamped)),
    "/tf_static, then /tf": answers(buffer_of(nominal, *stamped)),
    "/tf_static at 13 s alone": answers(buffer_of((True, said(0.0, 13)))),
    "/tf once, then /tf_static at 13 s": answers(buffer_of(stamped[0], (True, said(0.0, 13)))),
}
for name, found in seen.items():
    print(f"{name}: at 5, 11.5, 14 and 20 s x is {found}")
assert seen["/tf alone"] == ["refused", 11.5, 14.0, "refused"]
assert seen["/tf_static, then /tf"] == [15.0] * 4
assert seen["/tf_static at 13 s alone"] == [0.0] * 4
assert seen["/tf once, then /tf_static at 13 s"] == ["refused", 8.25, "refused", "refused"]
PYTHON
libraries=$(find "$folder/tools" -name 'lib*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
env -i PATH=/usr/bin:/bin HOME="$folder" ROS_LOG_DIR="$folder" ROS_MASTER_URI=http://127.0.0.1:9 LD_LIBRARY_PATH="$libraries" \
  PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages" /usr/bin/python3 program.py
echo "still so: a frame that was static once has no past"

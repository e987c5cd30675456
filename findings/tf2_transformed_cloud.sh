#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# tf2's do_transform_cloud of Python makes one row of a depth camera's cloud, and takes the first three fields for x, y and z.
#
# Guess beforehand: a transformed PointCloud2 differs from the one before in x, y and z of its points and in its frame. That of a
# depth camera, "organized" in rows and columns as the image, still is; and fields are found by their names, in any order,
# which is what PointCloud2 has names and offsets for. So it is in the C++ of the same package.
# Seen (Debian 12, python3-tf2-sensor-msgs 0.7.6): the answer has height 1 and all points as its width, so that nothing says any more
# which point is of which pixel, and is_dense is False of a cloud without gaps. Of a cloud whose first field is intensity this, x
# and y are turned and moved as if they were x, y and z: after a quarter turn to the left and 10 m up a point at (5, 2, 1) m is
# at (0.25, 12, 1) instead of (-2, 5, 11). The header, with the stamp, is the transform's. Nothing is raised or said.
# Consequence for whoever takes depth at a pixel, or landmarks, from a transformed cloud: transform the points yourself, by name.
set -euo pipefail
version=0.7.6-1
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-tf2-sensor-msgs 2>/dev/null | grep -qF " $version "; then
  echo "skipped: python3-tf2-sensor-msgs $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq "python3-tf2-sensor-msgs=$version" python3-tf2-ros python3-tf2-msgs python3-tf2 libtf2-2d \
  python3-pykdl liborocos-kdl1.5 librostime1d libconsole-bridge1.0 libpython3.11 python3-actionlib python3-actionlib-msgs \
  python3-rospy python3-roslib python3-rosgraph python3-rosgraph-msgs python3-roscpp-msg python3-std-msgs \
  python3-geometry-msgs python3-sensor-msgs python3-genpy python3-genmsg python3-rospkg python3-catkin python3-catkin-pkg \
  python3-pyparsing python3-yaml python3-numpy 2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
cat >program.py <<'PYTHON'
import math
import struct

from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import PointCloud2, PointField
from sensor_msgs.point_cloud2 import read_points
from tf2_sensor_msgs import do_transform_cloud

# a quarter turn to the left about z, and 10 m up
turn = TransformStamped()
turn.header.frame_id, turn.child_frame_id = "map", "camera"
turn.transform.translation.z = 10.0
turn.transform.rotation.z = turn.transform.rotation.w = math.sqrt(0.5)
# two rows of three pixels: x, y, z and intensity of each
POINTS = [(5.0, float(column), float(row), 0.25) for row in range(2) for column in range(3)]
TURNED = [(-y, x, z + 10, intensity) for x, y, z, intensity in POINTS]


def cloud(names):
    """The points as a cloud of the depth camera, its fields in this order."""
    message = PointCloud2(height=2, width=3, point_step=16, row_step=48, is_dense=True)
    message.header.frame_id = "camera"
    message.fields = [PointField(name, 4 * index, PointField.FLOAT32, 1) for index, name in enumerate(names)]
    places = ["xyzi".index(name[0]) for name in names]
    message.data = b"".join(struct.pack("<4f", *(point[place] for place in places)) for point in POINTS)
    return message


def points_of(message):
    """(x, y, z, intensity) of the points."""
    places = [[field.name for field in message.fields].index(name) for name in ("x", "y", "z", "intensity")]
    return [tuple(round(point[place], 3) for place in places) for point in read_points(message)]


def close(found, expected):
    return all(math.isclose(a, b, abs_tol=1e-3) for one, other in zip(found, expected) for a, b in zip(one, other))


for names in (("x", "y", "z", "intensity"), ("intensity", "x", "y", "z")):
    before = cloud(names)
    assert close(points_of(before), POINTS)
    after = do_transform_cloud(before, turn)
    found = points_of(after)
    print(f"fields {names}: {before.height} rows of {before.width} are {after.height} of {after.width}, dense {after.is_dense}")
    print(f"  the last point {POINTS[-1]} becomes {found[-1]}, by the transform {TURNED[-1]}")
    assert (after.height, after.width, after.is_dense) == (1, 6, False)
    if names[0] == "x":
        assert close(found, TURNED)
    else:
        # (intensity, x, y) was transformed as (x, y, z)
        assert close(found, [(intensity, y + 10, z, -x) for x, y, z, intensity in POINTS])
PYTHON
libraries=$(find "$folder/tools" -name 'lib*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
env -i PATH=/usr/bin:/bin HOME="$folder" ROS_LOG_DIR="$folder" ROS_MASTER_URI=http://127.0.0.1:9 LD_LIBRARY_PATH="$libraries" \
  PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages" /usr/bin/python3 program.py
echo "still so: rows are gone, and the order of fields decides what is moved"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# read_points_list of ROS' point_cloud2 puts the names that it was asked for on values of other fields.
#
# Guess beforehand: read_points(cloud, field_names) gives the values of these fields, in the order of the names, as every
# reader of columns does; and read_points_list, whose points have names, gives each value by its own.
# Seen (Debian 12, python3-sensor-msgs 1.13.1): values come in the order in which they lie in a point. Asked for ("z", "x"),
# read_points gives x first, and read_points_list gives these the names in the order that was asked for, so that point.z is x. Without
# names it takes those in the order of `fields`, which need not be that of the offsets (PCL lists the intensity of its PointXYZINormal
# before the normals, and packs it behind them): of a cloud that lists intensity first and packs it last, point.x is y, and a depth
# of 7 m is 0.5. With both in one order all is right. Nothing is raised or said.
# Consequence for whoever reads depth at a pixel: ask for the fields in the order of their offsets, and for one alone if for one.
set -euo pipefail
version=1.13.1-1
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-sensor-msgs 2>/dev/null | grep -qF " $version "; then
  echo "skipped: python3-sensor-msgs $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq "python3-sensor-msgs=$version" python3-roslib python3-rosgraph python3-rosgraph-msgs python3-rospy \
  python3-roscpp-msg python3-std-msgs python3-geometry-msgs python3-genpy python3-genmsg python3-rospkg python3-catkin \
  python3-catkin-pkg python3-pyparsing python3-yaml python3-numpy 2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
cat >program.py <<'PYTHON'
import struct

from sensor_msgs.msg import PointCloud2, PointField
from sensor_msgs.point_cloud2 import read_points, read_points_list

TRUE = {"x": 1.0, "y": 2.0, "z": 7.0, "intensity": 0.5}
OFFSETS = {"x": 0, "y": 4, "z": 8, "intensity": 12}


def cloud(listed):
    """One point, packed as x, y, z, intensity, its fields listed in another order."""
    message = PointCloud2(height=1, width=1, point_step=16, row_step=16, is_dense=True)
    message.fields = [PointField(name, OFFSETS[name], PointField.FLOAT32, 1) for name in listed]
    message.data = struct.pack("<4f", *TRUE.values())
    return message


usual, intensity_first = cloud(TRUE), cloud(["intensity", "x", "y", "z"])
values = next(read_points(usual, ("z", "x")))
print(f"{TRUE}: read_points for z and x: {values}")
assert values == (1.0, 7.0)
seen = {
    "asked for x, z": read_points_list(usual, ("x", "z"))[0],
    "asked for z, x": read_points_list(usual, ("z", "x"))[0],
    "without names": read_points_list(usual)[0],
    "without names, intensity listed first": read_points_list(intensity_first)[0],
    "intensity listed first, asked for z alone": read_points_list(intensity_first, ("z",))[0],
}
for name, point in seen.items():
    print(f"read_points_list, {name}: {point}")
wrong = {name: [key for key in point._fields if getattr(point, key) != TRUE[key]] for name, point in seen.items()}
assert list(wrong.values()) == [[], ["z", "x"], [], ["intensity", "x", "y", "z"], []]
assert seen["without names, intensity listed first"].z == TRUE["intensity"]
PYTHON
env -i PATH=/usr/bin:/bin HOME="$folder" ROS_LOG_DIR="$folder" ROS_MASTER_URI=http://127.0.0.1:9 \
  PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages" /usr/bin/python3 program.py
echo "still so: names are put on other fields' values"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# roslaunch --ros-args calls an argument required whose default is the empty text.
#
# Guess beforehand: the list of a launch file's arguments calls required what must be given, for a file without it does
# not start. default="" is how launch files leave a name or a path out, and roslaunch starts them without it.
# Seen (Debian 12, python3-roslaunch 1.15.15): `topic` with default="" stands under "Required Arguments" beside `bag`,
# which has no default; roslaunch itself loads the file without `topic`, and not without `bag`. The list asks whether the default
# is empty (`if not default`), not whether there is one. So each such argument's doc in our launch files begins with
# "optional". (Without `bag` --dump-params names a missing attribute of its own loader instead of the argument.)
set -euo pipefail
version=1.15.15
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-roslaunch 2>/dev/null | grep -q " $version"; then
  echo "skipped: python3-roslaunch $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq python3-roslaunch python3-rosgraph python3-rosmaster python3-rosclean python3-roslib \
  python3-rospkg python3-catkin python3-catkin-pkg python3-pyparsing python3-yaml python3-rosparam python3-defusedxml \
  2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
cat >two.launch <<'XML'
<launch>
  <arg name="bag" doc="no default"/>
  <arg name="topic" default="" doc="empty default"/>
  <arg name="rate" default="10" doc="a default"/>
  <param name="said" value="$(arg bag) $(arg topic) $(arg rate)"/>
</launch>
XML

launched() {
  env -i PATH=/usr/bin:/bin HOME="$folder" ROS_LOG_DIR="$folder" ROS_MASTER_URI=http://127.0.0.1:9 \
    PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages" /usr/bin/python3 tools/usr/bin/roslaunch "$@" 2>&1
}

list=$(launched --ros-args two.launch)
echo "$list"
# between the two headings
required=$(sed -n '/Required Arguments/,/Optional Arguments/p' <<<"$list")
grep -q "bag: no default" <<<"$required"
grep -q "topic: empty default" <<<"$required"
if grep -q "rate" <<<"$required"; then exit 1; fi
# what roslaunch itself asks for: without the bag it does not load the file, without the topic it does
launched --dump-params two.launch | tee without.txt || true
if grep -q "said" without.txt; then exit 1; fi
launched --dump-params two.launch bag:=flight | grep "said: flight  *10"
echo "still so: topic is called required, and is not"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# roslaunch takes 1e-3 for text, and reads 010 as ten in one place and as eight in another.
#
# Guess beforehand: <param value="1e-3"/> is the number that 0.001 is, in a launch file as on a command line and in a YAML
# file, and whole numbers are decimal in both.
# Seen (Debian 12, python3-roslaunch 1.15.15, PyYAML 6.0): only what has a point is tried as a number with a fraction:
# 1e-3 and 1e5 are text, 1.0e-3 is a number, and nan and inf are text. In <rosparam> it is YAML 1.1 that decides: 1e-3 and
# 1.5e3 are text there, 1.0e-3 is a number. 010 is 10 in <param>, and octal, 8, in <rosparam>. Nothing is said.
# With type="double" all is well.
# So the nodes of camera_relocalization_ros name the parameter, what was found and what was expected, and do not start.
set -euo pipefail
version=1.15.15+ds-2
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-roslaunch 2>/dev/null | grep -qF " $version "; then
  echo "skipped: python3-roslaunch $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq "python3-roslaunch=$version" python3-rosgraph python3-rosmaster python3-rosclean python3-roslib \
  python3-rospkg python3-catkin python3-catkin-pkg python3-pyparsing python3-yaml=6.0-3+b2 python3-rosparam \
  python3-defusedxml 2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
cat >numbers.launch <<'XML'
<launch>
  <param name="plain" value="0.001"/>
  <param name="short" value="1e-3"/>
  <param name="large" value="1e5"/>
  <param name="pointed" value="1.0e-3"/>
  <param name="typed" type="double" value="1e-3"/>
  <param name="padded" value="010"/>
  <rosparam>{yaml_short: 1e-3, yaml_large: 1.5e3, yaml_signed: 1.5e+3, yaml_padded: 010}</rosparam>
</launch>
XML
cat >program.py <<'PYTHON'
from roslaunch.config import ROSLaunchConfig
from roslaunch.xmlloader import XmlLoader

config = ROSLaunchConfig()
XmlLoader().load("numbers.launch", config, verbose=False)
seen = {name.strip("/"): parameter.value for name, parameter in config.params.items()}
for name, value in seen.items():
    print(f"{name}: {value!r}")
assert seen["plain"] == seen["pointed"] == seen["typed"] == 0.001
assert (seen["short"], seen["large"]) == ("1e-3", "1e5")
assert (seen["yaml_short"], seen["yaml_large"], seen["yaml_signed"]) == ("1e-3", "1.5e3", 1500.0)
assert (seen["padded"], seen["yaml_padded"]) == (10, 8)
PYTHON
env -i PATH=/usr/bin:/bin HOME="$folder" ROS_LOG_DIR="$folder" ROS_MASTER_URI=http://127.0.0.1:9 \
  PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages" /usr/bin/python3 program.py
echo "still so: 1e-3 is text"

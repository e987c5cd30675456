#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian's dynparam, the command line of dynamic_reconfigure, ends before it does anything.
#
# Guess beforehand: the package that brings a program brings, or depends on, what its first line asks for.
# Seen (Debian 12, python3-dynamic-reconfigure 1.7.3-1): dynparam begins with load_manifest("dynamic_reconfigure"), which
# looks for the package.xml of dynamic_reconfigure. That file is in libdynamic-reconfigure-config-init-mutex-dev, a
# package of C++ headers that nothing depends on: "rospkg.common.ResourceNotFound: dynamic_reconfigure". rosservice and
# the Python client work. So a node's settings are changed on Debian by rosservice call NODE/set_parameters, as docs/node.md has it.
set -euo pipefail
if ! command -v apt-get >/dev/null || ! apt-cache show python3-dynamic-reconfigure=1.7.3-1 >/dev/null 2>&1; then
  echo "skipped: python3-dynamic-reconfigure 1.7.3-1 is not to be had by apt here"
  exit 0
fi
if [ -e /usr/share/dynamic_reconfigure/package.xml ]; then
  echo "skipped: the package of headers is installed here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq python3-dynamic-reconfigure=1.7.3-1 libdynamic-reconfigure-config-init-mutex-dev=1.7.3-1 \
  python3-roslib python3-rospkg python3-catkin python3-catkin-pkg python3-pyparsing 2>/dev/null
for package in python3-*.deb; do dpkg -x "$package" tools; done

dynparam() {
  env -i PATH=/usr/bin:/bin PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages" ROS_PACKAGE_PATH="$folder/tools/usr/share" \
    ROS_ROOT="$folder/tools/usr/share/ros" ROS_MASTER_URI=http://127.0.0.1:9 /usr/bin/python3 "$@" 2>&1
}

seen=$(dynparam tools/usr/lib/dynamic_reconfigure/dynparam list || true)
grep "ResourceNotFound" <<<"$seen"
grep -q "ResourceNotFound: dynamic_reconfigure" <<<"$seen"
[ -z "$(find tools -path '*dynamic_reconfigure/package.xml')" ]
dpkg -c libdynamic-reconfigure-config-init-mutex-dev_*.deb | grep -q 'share/dynamic_reconfigure/package.xml'
echo "still so: the program comes without the file that it asks for first, which is in a package of C++ headers"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sets up the package: system packages, virtual environment, catkin workspace.
#   setup/setup.sh full       everything: training, simulation, tests
#   setup/setup.sh test       the same, and where the system has it a browser for the tests of pages
#   setup/setup.sh onboard    what flies, without torch
# RUNTIME=gpu (or GPU=1) takes onnxruntime-gpu, RUNTIME=system the ONNX Runtime of the system's Python, such as JetPack's.
# What is there already is left alone, so a second run takes seconds; an interrupted run is taken up again.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

PACKAGE_PARTS="CMakeLists.txt LICENSE README.md package.xml pyproject.toml setup.py
  camera_relocalization_ros config launch models msg requirements scripts srv test urdf"

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

case "${1:-full}" in
  full | test | onboard) ;;
  *) fail "unknown set ${1}; expected full, test or onboard" ;;
esac

system_list() {
  # shellcheck source=/dev/null
  . /etc/os-release
  local list=setup/${ID:-}-${VERSION_ID:-}.txt
  [ -f "$list" ] || fail "this system is ${PRETTY_NAME:-unknown}; expected Debian 12 or Ubuntu 20.04 with ROS Noetic's package source"
  echo "$list"
}

missing_packages() {
  local package
  while read -r package; do
    # shellcheck disable=SC2016  # dpkg-query's own variable
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || echo "$package"
  done <"$1"
}

install_system_packages() {
  local list=$1 missing become=""
  missing=$(missing_packages "$list" | tr '\n' ' ')
  [ -n "${missing// /}" ] || return 0
  local install="apt-get install --yes --no-install-recommends $missing"
  # another apt, such as the nightly one of a fresh system, is waited for, up to ten minutes
  local wait="--option=DPkg::Lock::Timeout=600"
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "system packages are missing and this user may not install them; run as root:
  apt-get update && $install"
    become="sudo -n"
  fi
  echo "setup: installing system packages: $missing"
  export DEBIAN_FRONTEND=noninteractive
  $become apt-get update --quiet=2 $wait || fail "apt-get update failed"
  # shellcheck disable=SC2086  # a list of words
  $become env DEBIAN_FRONTEND=noninteractive $install $wait >"$root/.setup/apt.log" 2>&1 </dev/null ||
    fail "apt-get failed; the end of .setup/apt.log:
$(tail -n 5 "$root/.setup/apt.log")"
}

install_test_packages() {
  local list=$1
  [ -f "$list" ] || return 0
  # in a shell of its own: tests that want a package are skipped without it, and the others run
  (install_system_packages "$list") || echo "setup: tests that want a package of $list will be skipped" >&2
}

install_python_packages() {
  local files=() others=() runtime=system name stamp requirement_sets
  # after the system's packages, among which OpenCV is
  requirement_sets=$(setup/requirement_sets.sh "$1")
  for name in $requirement_sets; do
    files+=("requirements/$name.txt")
    case "$name" in runtime-*) runtime=${name#runtime-} ;; *) others+=(--requirement "requirements/$name.txt") ;; esac
  done
  stamp=.venv/.installed-$(cat "${files[@]}" requirements/constraints.txt | sha256sum | cut -c1-16)
  # a stamp is believed where the runtime loads and computes: it is one module of several packages
  [ -f "$stamp" ] && setup/runtime.sh prove && return 0
  # a venv without pip was interrupted while it was made
  [ -x .venv/bin/pip ] || /usr/bin/python3 -m venv --clear --system-site-packages .venv
  # Ubuntu 20.04's own, 20.0.2, does not know the tag manylinux_2_27 of ONNX Runtime's wheels, and finds none
  .venv/bin/pip install --quiet --disable-pip-version-check 'pip>=20.3' </dev/null || fail "pip could not renew itself"
  echo "setup: installing Python packages: $requirement_sets"
  rm -f .venv/.installed-*
  .venv/bin/pip install --quiet --disable-pip-version-check --no-compile "${others[@]}" </dev/null ||
    fail "pip could not install the packages of ${files[*]}"
  # pip would compile on one core; some files of others are not for this Python, which is no fault
  .venv/bin/python -m compileall -qq -j 0 .venv/lib/python3*/site-packages || true
  setup/runtime.sh "$runtime"
  touch "$stamp"
}

build_workspace() {
  local workspace=.catkin_ws inputs stamp
  inputs=$(cat CMakeLists.txt package.xml pyproject.toml setup.py msg/* srv/* setup/setup.sh | sha256sum | cut -c1-16)
  stamp=$workspace/.built-$inputs
  [ -f "$stamp" ] && return 0
  echo "setup: building the catkin workspace"
  rm -rf "$workspace"
  # links to the parts, not to the whole, which holds this workspace: rosrun follows links when it searches
  local package=$workspace/src/camera_relocalization_ros part
  mkdir -p "$package"
  for part in $PACKAGE_PARTS; do ln -s "$root/$part" "$package/$part"; done
  # ROS's setup file reads variables that may be unset
  set +u
  # shellcheck source=/dev/null
  if [ -f /opt/ros/noetic/setup.bash ]; then . /opt/ros/noetic/setup.bash; fi
  set -u
  (cd "$workspace" && PATH=$root/.venv/bin:$PATH catkin_make "-DPYTHON_EXECUTABLE=$root/.venv/bin/python") \
    >.setup/catkin.log 2>&1 </dev/null || fail "catkin_make failed; the end of .setup/catkin.log:
$(tail -n 15 .setup/catkin.log)"
  touch "$stamp"
}

mkdir -p .setup
packages=$(system_list)
install_system_packages "$packages"
if [ "${1:-full}" = test ]; then install_test_packages "${packages%.txt}-test.txt"; fi
install_python_packages "${1:-full}"
build_workspace

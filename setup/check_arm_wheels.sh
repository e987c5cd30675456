#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Asks the package index whether each package of what flies has a wheel for ARM: a pin that has none breaks every Jetson
# and Raspberry Pi, where nothing is compiled. Needs the network; without it this says so and ends with 77, as skipped.
#   setup/check_arm_wheels.sh [PYTHON...]   default: 3.8 of ROS Noetic and 3.11 of Debian 12, for aarch64 with glibc 2.17
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
SKIPPED=77
pip=(python3 -m pip --disable-pip-version-check)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

versions=("$@")
[ ${#versions[@]} -gt 0 ] || versions=(3.8 3.11)
if ! "${pip[@]}" --quiet download --no-deps --dest "$folder" tqdm==4.67.1 >/dev/null 2>&1; then
  echo "skipped: the package index cannot be reached"
  exit $SKIPPED
fi

failed=0
for version in "${versions[@]}"; do
  # pip evaluates markers of the Python that runs it, so lines are chosen here for the one that is asked for
  for pin in $(python3 setup/pins_for.py "$version" requirements/onboard.txt requirements/runtime-cpu.txt requirements/opencv.txt); do
    if "${pip[@]}" --quiet download --no-deps --only-binary=:all: --dest "$folder" --python-version "$version" \
      --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux_2_27_aarch64 \
      --platform manylinux_2_28_aarch64 "$pin" >/dev/null 2>"$folder/log"; then
      echo "Python $version aarch64: $pin: $(basename "$(find "$folder" -name '*.whl' -newer "$folder/log" -print -quit)" 2>/dev/null || true)"
    else
      echo "Python $version aarch64: $pin: NO WHEEL ($(tail -n 1 "$folder/log"))"
      failed=1
    fi
    rm -f "$folder"/*.whl
  done
done
exit $failed

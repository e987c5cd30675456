#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Style of Python, shell and catkin files.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
# in the workspace the folder has the package's name, whatever the clone is called
catkin_lint --quiet -W2 --strict .catkin_ws/src/camera_relocalization_ros
shellcheck setup/setup.sh env.sh test/*.sh findings/*.sh .ci/run
echo "lint: clean"

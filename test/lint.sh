#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Style and types of Python, style of shell and catkin files.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
if python -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
  mypy
else
  echo "mypy: skipped, it needs Python 3.10 and checks the same code elsewhere"
fi
# in the workspace the folder has the package's name, whatever the clone is called
catkin_lint --quiet -W2 --strict .catkin_ws/src/camera_relocalization_ros
shellcheck setup/*.sh env.sh test/*.sh test/tutorial/*.sh findings/*.sh .ci/run
echo "lint: clean"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Style of Python, shell and catkin files.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
catkin_lint --quiet -W2 --strict .
shellcheck setup/setup.sh env.sh test/*.sh .ci/run
echo "lint: clean"

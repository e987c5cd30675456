#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# All tests, to the end, in a shell that has sourced env.sh; fails when one failed or when the ROS suites did not run.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
results=$PWD/.setup/test_results
rm -rf "$results"
mkdir -p "$results"

echo "== unit tests (no ROS) =="
# without ROS's variables and paths: these tests must not need them; python -m puts this folder on the path
env -u PYTHONPATH -u ROS_MASTER_URI -u ROS_PACKAGE_PATH -u ROS_ROOT -u ROS_DISTRO \
  python -m pytest test/unit --quiet --junit-xml="$results/unit.xml"
echo "== what flies on Python 3.8 (no ROS) =="
env -u PYTHONPATH -u ROS_MASTER_URI -u ROS_PACKAGE_PATH -u ROS_ROOT -u ROS_DISTRO \
  test/python38.sh "$results/python38.xml" || echo "python38" >>"$results/suites_failed"
echo "== ROS tests (no master) =="
# plain pytest does not: the built package, with its messages, must come first
pytest test/ros --quiet --junit-xml="$results/ros.xml"
echo "== integration tests (rostest) =="
for file in test/integration/*/*.test; do
  name=$(basename "$file" .test)
  echo "-- $name"
  # rostest keeps its results under ROS_TEST_RESULTS_DIR, one XML file per test node
  ROS_TEST_RESULTS_DIR=$results/rostest rostest "$file" >"$results/$name.log" 2>&1 || {
    echo "rostest $name failed; the end of its output:"
    tail -n 40 "$results/$name.log"
    echo "$name" >>"$results/rostest_failed"
  }
done
echo "== lint =="
test/lint.sh
lint=$?
python test/support/summarise.py "$results" $lint

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# All tests, or the suites that are named, to the end, in a shell that has sourced env.sh:
#   test/run_all.sh [unit] [python38] [ros] [tutorial] [integration] [lint]
# Fails when a test failed or when one of these suites did not run.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
results=$PWD/.setup/test_results
[ $# -gt 0 ] || set -- unit python38 ros tutorial integration lint
suites=" $* "
rm -rf "$results"
mkdir -p "$results"

# tests side by side, one a core; each keeps to its core, for threads that wait for each other lose more than they gain
cores=$(nproc)
export OMP_NUM_THREADS=1
side_by_side=(--numprocesses "$cores" --dist worksteal --quiet)
# these tests must need none of ROS's variables and paths; python -m puts this folder on the path
without_ros=(env -u PYTHONPATH -u ROS_MASTER_URI -u ROS_PACKAGE_PATH -u ROS_ROOT -u ROS_DISTRO)

wanted() {
  [[ $suites == *" $1 "* ]]
}

unit() {
  echo "== unit tests (no ROS) =="
  "${without_ros[@]}" python -m pytest test/unit "${side_by_side[@]}" --junit-xml="$results/unit.xml"
}

ros() {
  echo "== ROS tests (no master) =="
  # plain pytest does not put this folder on the path: the built package, with its messages, must come first
  pytest test/ros "${side_by_side[@]}" --junit-xml="$results/ros.xml"
}

tutorial() {
  echo "== the tutorial, typed =="
  pytest test/tutorial --quiet -o faulthandler_timeout=1200 --junit-xml="$results/tutorial.xml"
}

# integration FOLDER...: the rostests of these folders, one after the other
integration() {
  echo "== integration tests (rostest): $* =="
  local folder file name
  for folder in "$@"; do
    for file in test/integration/"$folder"/*.test; do
      name=$(basename "$file" .test)
      echo "-- $name"
      # rostest keeps its results under ROS_TEST_RESULTS_DIR, one XML file per test node
      ROS_TEST_RESULTS_DIR=$results/rostest env -u OMP_NUM_THREADS rostest "$file" >"$results/$name.log" 2>&1 || {
        echo "rostest $name failed; the end of its output:"
        tail -n 40 "$results/$name.log"
        echo "$name" >>"$results/suites_failed"
      }
    done
  done
}

python38() {
  echo "== what flies on Python 3.8 (no ROS) =="
  "${without_ros[@]}" test/python38.sh "$results/python38.xml" || echo python38 >>"$results/suites_failed"
}

lint() {
  echo "== lint =="
  test/lint.sh || echo lint >>"$results/suites_failed"
}

# one chain of commands, for minutes on one core: beside the others from the start, and shown after them
tutorial=""
if wanted tutorial; then
  tutorial >"$results/tutorial.log" 2>&1 &
  tutorial=$!
fi
if wanted unit; then unit; fi
if wanted ros; then ros; fi
if [ -n "$tutorial" ]; then
  wait "$tutorial"
  cat "$results/tutorial.log"
fi
# two lanes: the live nodes in one; in the other, shown afterwards, what keeps to one core, for nodes are to answer on a
# busy machine too. Each replay brings a master of its own
{
  if wanted integration; then integration replay; fi
  if wanted lint; then lint; fi
  if wanted python38; then python38; fi
} >"$results/beside.log" 2>&1 &
beside=$!
if wanted integration; then integration aircraft node; fi
wait $beside
cat "$results/beside.log"
python test/support/summarise.py "$results" "$@"

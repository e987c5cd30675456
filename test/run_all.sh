#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sets up, then runs all tests, or the suites that are named, to the end:
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

# beside LANE: the function of this name in the background; what it prints is shown by `together`
beside() {
  "$1" >"$results/lane_$1.log" 2>&1 &
  lanes+=("$1:$!")
}

# waits for the lanes beside, and shows what they printed
together() {
  local lane
  for lane in "${lanes[@]}"; do
    wait "${lane#*:}"
    cat "$results/lane_${lane%:*}.log"
  done
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

# one_rostest FILE: what it prints at its end is one line where all is well
one_rostest() {
  local file=$1 name
  name=$(basename "$file" .test)
  # rostest keeps its results under ROS_TEST_RESULTS_DIR, one XML file per test node
  if ROS_TEST_RESULTS_DIR=$results/rostest env -u OMP_NUM_THREADS rostest "$file" >"$results/$name.log" 2>&1; then
    echo "rostest $name ended after $SECONDS s"
  else
    echo "rostest $name failed; the end of its output:
$(tail -n 40 "$results/$name.log")"
    echo "$name" >>"$results/suites_failed"
  fi
}

# a rostest a core and one more, for they mostly wait, each with a master of its own; the longest first, or one would be
# left alone at the end
integration() {
  echo "== integration tests (rostest) =="
  export -f one_rostest
  export results
  printf '%s\n' test/integration/{replay/replay,replay/replay_refusals,node/restarts,node/bad_start}.test test/integration/*/*.test |
    awk '!seen[$0]++' | xargs -P "$((cores + 1))" -I{} bash -c 'one_rostest {}'
}

python38() {
  echo "== what flies on Python 3.8 (no ROS) =="
  "${without_ros[@]}" test/python38.sh "$results/python38.xml" || echo python38 >>"$results/suites_failed"
}

lint() {
  echo "== lint =="
  test/lint.sh || echo lint >>"$results/suites_failed"
}

# what keeps to one core, for minutes
one_core() {
  if wanted tutorial; then tutorial; fi
  if wanted lint; then lint; fi
}

lanes=()
# Python 3.8 has an environment of its own: it is made and used while pip fills the other, which keeps to one core
if wanted python38; then beside python38; fi
bash setup/setup.sh test || exit
set +u # ROS's setup files read variables that may be unset
# shellcheck source=/dev/null
. ./env.sh
set -u

beside one_core
if wanted unit; then unit; fi
if wanted ros; then ros; fi
together
if wanted integration; then integration; fi
python test/support/summarise.py "$results" "$@"

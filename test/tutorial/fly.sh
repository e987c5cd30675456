#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The last command of the tutorial, typed where the others were, while its last flight is played; fails without a pose.
#   . env.sh && test/tutorial/fly.sh FOLDER
set -euo pipefail
page=$(cd "$(dirname "$0")/../.." && pwd)/docs/tutorial.md
cd "$1"
typed=$(awk '/^```sh$/ { block = ""; inside = 1; next } /^```$/ { inside = 0 } inside { block = block $0 "\n" } END { printf "%s", block }' "$page")
echo "$typed"
bash -c "exec $typed" >node.log 2>&1 &
node=$!
trap 'kill $node 2>/dev/null; wait $node' EXIT
timeout 120 bash -c 'until rostopic echo -n 1 /relocalizer/model_info >/dev/null 2>&1; do sleep 1; done'
rostopic echo -p /relocalizer/status >status.csv &
listener=$!
sleep 3
timeout 120 rosbag play --quiet out/flight2.bag
sleep 3
kill $listener
python - <<'PYTHON'
import csv

rows = list(csv.DictReader(open("status.csv")))
last, states = rows[-1], [int(row["field.state"]) for row in rows]
print(f"{last['field.frames_seen']} images seen, {last['field.frames_answered']} poses published: "
      f"{states.count(1)} OK, {states.count(2)} DEGRADED, {states.count(3)} LOST")
raise SystemExit(int(last["field.frames_answered"]) == 0)
PYTHON

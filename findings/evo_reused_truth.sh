#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# evo finds an exact trajectory to be 6 cm off as soon as the ground truth has more poses than it.
#
# Guess beforehand: which poses of two trajectories are compared hangs on their stamps, each pose is of one pair at most
# (as with TUM's associate.py), and ground truth from before and after an estimate changes nothing.
# Seen (evo 1.38.1): for each pose of the trajectory that has fewer poses the nearest of the other is taken, and may be
# taken again. An exact estimate at 125 Hz for 0.9 s, moving at 10 m/s, beside ground truth at 5 Hz: where that lasts
# 10 s (50 poses) there are 5 pairs, and evo_ape's rmse is 0. Where it goes on to 40 s (200 poses) the same estimate has
# 14 pairs with the same 5 poses, up to 8 ms apart (t_max_diff is 10 ms), and an rmse of 0.064 m. Nothing is said.
# Consequence for whoever compares a fast estimate with slow truth: cut the truth to the estimate's time, or interpolate
# it at the estimate's stamps; and look at the number of pairs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check evo==1.38.1
cat >"$folder/made.py" <<'PYTHON'
def write(name, count, hertz):
    with open(name, "w") as file:
        for number in range(count):
            print(f"{number / hertz:.3f} {10 * number / hertz:.3f} 0 0 0 0 0 1", file=file)


write("estimate.tum", 113, 125)
write("short.tum", 50, 5)
write("long.tum", 200, 5)
PYTHON
cd "$folder"
export HOME="$folder" MPLBACKEND=agg
venv/bin/python made.py
declare -A pairs rmse
for truth in short long; do
  venv/bin/evo_ape tum "$truth.tum" estimate.tum --verbose >"$truth.txt"
  pairs[$truth]=$(sed -nE 's/.*Compared ([0-9]+) absolute.*/\1/p' "$truth.txt")
  rmse[$truth]=$(sed -nE 's/^ *rmse[[:space:]]+([0-9.]+).*/\1/p' "$truth.txt")
  echo "$truth truth: ${pairs[$truth]} pairs, rmse ${rmse[$truth]} m"
done
[ "${pairs[short]} ${rmse[short]}" = "5 0.000000" ]
[ "${pairs[long]} ${rmse[long]}" = "14 0.064143" ]
echo "still so: more ground truth makes an exact trajectory wrong"

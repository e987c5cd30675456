#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# OpenCV's wheels of 4.12 and 4.13 take ten times as long for everything that is made of small matrices.
#
# Guess beforehand: a minor release of OpenCV from the package index is about as fast as the one before it, and what
# RANSAC takes for a pose is decided by its settings.
# Seen (opencv-python-headless for x86-64, one thread, seconds of the processor): with 4.12.0.88, 4.13.0.90 and
# 4.13.0.92 a singular value decomposition of 3 by 3 takes 37 us instead of 2.2 with 4.11.0.86, Rodrigues 27 instead of
# 1.6, solveP3P 320 instead of 13, and solvePnPRansac of 200 points, 80 of which agree, 96 ms instead of 3.7, with the
# same points found. 4.14.0.94 and 5.0.0.93 are as fast as 4.11 again. All of them say that they use OpenBLAS.
# Consequence for whoever localizes by PnP: leave out these two releases; a requirement of "4.10 or newer" brought them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/measure.py" <<'PYTHON'
import time

import cv2
import numpy as np

cv2.setNumThreads(1)
generator = np.random.default_rng(0)
points = generator.uniform(-1, 1, (200, 3)) + [0, 0, 6]
rays = points[:, :2] / points[:, 2:] + generator.normal(0, 2e-4, (200, 2))
rays[80:] = generator.uniform(-0.2, 0.2, (120, 2))
options = {"iterationsCount": 1000, "reprojectionError": 2e-3, "confidence": 0.999, "flags": cv2.SOLVEPNP_AP3P}


def pose():
    return cv2.solvePnPRansac(points, rays, np.eye(3), None, **options)


def decomposition():
    return cv2.SVDecomp(np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 4.0]]))


def milliseconds(function, times):
    function()
    spans = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(times):
            function()
        spans.append(time.process_time() - started)
    return 1e3 * min(spans) / times


print(len(pose()[3]), milliseconds(pose, 3), milliseconds(decomposition, 300))
PYTHON
for version in 4.11.0.86 4.12.0.88 4.13.0.92 4.14.0.94; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "opencv-python-headless==$version" "numpy<2.3"
  echo "$version $("$folder/$version/bin/python" "$folder/measure.py")" | tee -a "$folder/seen"
done
python3 - "$folder/seen" <<'PYTHON'
import sys

rows = {}
for line in open(sys.argv[1]):
    version, found, pose_ms, decomposition_ms = line.split()
    rows[version] = float(pose_ms), float(decomposition_ms)
    assert found == "80", line
usual = rows["4.11.0.86"]
for version, times in rows.items():
    ratios = [mine / other for mine, other in zip(times, usual)]
    print(f"{version:10} pose {ratios[0]:5.1f}, decomposition {ratios[1]:5.1f} times as long as with 4.11")
    is_slow = version in ("4.12.0.88", "4.13.0.92")
    assert all(ratio > 4 for ratio in ratios) if is_slow else all(ratio < 3 for ratio in ratios), version
print("still so")
PYTHON

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# gtsam writes a pose graph with six digits, so that a site in UTM comes back on a grid of ten metres.
#
# Guess beforehand: a pose graph that writeG2o writes and readG2o reads again is the same: positions in a surveyor's frame (UTM) to a
# millimetre, orientations to a hundredth of a degree, the edges with their information too.
# Seen (gtsam 4.3.0): each number is written with six significant digits, so that a northing of 5,247,321.988 m becomes 5.24732e+06 and an easting
# of 465,123.457 m becomes 465123. Of poses along a flight there, a quarter of a metre apart, all 80 northings become three
# numbers, and positions are up to 5.0 m off; their orientations and the edges, whose numbers are small, are right. With the origin at the site all comes
# back to 0.1 mm. Nothing is raised or said, and the file is valid.
# What reads such a file as a start has a map in steps; what takes it as the result has lost it.
# Consequence for whoever keeps or hands on a graph in a surveyor's frame: take an origin at the site off first, or write the lines yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check gtsam==4.3.0 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import sys

import gtsam
import numpy as np

path = sys.argv[1]
NOISE = gtsam.noiseModel.Diagonal.Sigmas(np.array([0.0123456789] * 3 + [0.0234567891] * 3))


def there_and_back(origin):
    """Metres and degrees that each pose is off, and the most that an edge's translation is off."""
    poses = []
    for k in range(80):
        heading, pitch = 0.02 * k, 0.1 * np.sin(0.3 * k)
        place = np.array(origin) + [0.0512345 * k, 0.2512345 * k, 12 + 0.0112345 * k]
        poses.append(gtsam.Pose3(gtsam.Rot3.Ypr(heading, pitch, 0.05), place))
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    for k, pose in enumerate(poses):
        values.insert(k, pose)
        if k:
            graph.add(gtsam.BetweenFactorPose3(k - 1, k, poses[k - 1].between(pose), NOISE))
    gtsam.writeG2o(graph, values, path)
    graph_read, values_read = gtsam.readG2o(path, True)
    read = [values_read.atPose3(k) for k in range(len(poses))]
    metres = [np.linalg.norm(one.translation() - other.translation()) for one, other in zip(poses, read)]
    turns = [one.rotation().between(other.rotation()) for one, other in zip(poses, read)]
    degrees = np.degrees([np.linalg.norm(gtsam.Rot3.Logmap(turn)) for turn in turns])
    assert graph_read.size() == len(poses) - 1
    for k in range(graph_read.size()):
        edge, truth = graph_read.at(k), poses[k].between(poses[k + 1])
        assert np.allclose(edge.measured().translation(), truth.translation(), atol=1e-4)
        assert np.allclose(edge.noiseModel().sigmas(), NOISE.sigmas(), rtol=1e-4)
    return np.array(metres), degrees, len({pose.translation()[1] for pose in read})


metres, degrees, northings = there_and_back((0.0, 0.0, 0.0))
print(f"origin at the site: up to {metres.max():.6f} m and {degrees.max():.5f} degrees off, {northings} northings")
assert metres.max() < 1e-4 and degrees.max() < 0.01 and northings == 80
metres, degrees, northings = there_and_back((465123.456789, 5247321.987654, 412.0))
print(f"UTM: up to {metres.max():.2f} m and {degrees.max():.5f} degrees off, {northings} northings")
assert 4.5 < metres.max() < 5.1 and degrees.max() < 0.01 and northings <= 4
with open(path) as lines:
    print(next(lines).rstrip())
PYTHON
HOME="$folder" OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py" "$folder/graph.g2o"
echo "still so: six digits"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pycolmap aligns no two sets of points that lie in a plane.
#
# Guess beforehand: estimate_rigid3d and estimate_sim3d return the transform whenever the points determine it, and points
# of a plane do, unless they lie on a line: a hundred of them, as a drone at one height flies through, and three, which is
# the least that a rigid transform needs.
# Seen (pycolmap 4.2.1): both return None, without a word, for any number of points in a plane that is met exactly; a
# nanometre of height on a single point, and the answer is there and right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pycolmap==4.2.1 numpy
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
import pycolmap


def kabsch(source, target):
    """The rotation by singular vectors, which planes do not trouble."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, _, vt = np.linalg.svd(b.T @ a)
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt


def answers(source):
    """Of both functions: the largest error at the points, None without an answer."""
    target = source @ rotation.T + [1.0, 2.0, 3.0]
    assert np.allclose(kabsch(source, target), rotation)
    found = [estimate(source, target) for estimate in (pycolmap.estimate_rigid3d, pycolmap.estimate_sim3d)]
    moved = [None if T is None else source @ T.matrix()[:, :3].T + T.matrix()[:, 3] for T in found]
    return [None if points is None else np.abs(points - target).max() for points in moved]


rotation = pycolmap.Rotation3d(np.array([0.1, -0.2, 0.4, np.sqrt(0.79)])).matrix()
plane = np.column_stack([np.random.default_rng(0).uniform(-1, 1, (100, 2)), np.zeros(100)])
raised = plane + np.outer(np.arange(100) == 7, [0, 0, 1e-9])
print("pycolmap", pycolmap.__version__, "a plane:", answers(plane), "three points:", answers(plane[:3]))
print("one point a nanometre higher:", answers(raised))
assert answers(plane) == answers(plane[:3]) == [None, None]
assert max(answers(raised)) < 1e-6
PYTHON
"$folder/venv/bin/python" "$folder/program.py"
echo "still so: points of a plane are not aligned"

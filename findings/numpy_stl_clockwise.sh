#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# numpy-stl rotates a mesh the other way round than it transforms it, by the same matrix.
#
# Guess beforehand: mesh.rotate([0, 0, 1], radians(90)) turns x to y, as the right hand has it, and as Mesh.rotation_matrix of the same
# axis and angle does to a vector; rotate_using_matrix(R) and transform(T) with this R in T are the same.
# Seen (numpy-stl 4.1.1; SciPy 1.17.1 for comparison): rotation_matrix is SciPy's, and transform turns by it. rotate and rotate_using_matrix turn
# by its inverse, about a point too, so that x becomes -y. The scan of an aircraft that is turned by 30 degrees into the site's
# axes is 60 degrees off, and a part that is at 10 m from the origin is 10.0 m from where it should be. The docstring of rotate_using_matrix tells of
# it, as an issue of 2021 does; that of rotate, whose example is a quarter turn, does not, nor that transform goes the other way.
# Consequence for whoever places a model of STL in a world: transform, and never rotate.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check numpy-stl==4.1.1 scipy==1.17.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import importlib.metadata

import numpy as np
from scipy.spatial.transform import Rotation
from stl import mesh

print("numpy-stl", importlib.metadata.version("numpy-stl"))
PLACE = np.array([10.0, 0.0, 1.0])
TRIANGLE = np.array([PLACE, PLACE + [1, 0, 0], PLACE + [0, 1, 0]])
AXES = {"x": [1, 0, 0], "y": [0, 1, 0], "z": [0, 0, 1]}


def turned(change):
    """The corners of the triangle after `change` of its mesh."""
    data = np.zeros(1, dtype=mesh.Mesh.dtype)
    data["vectors"][0] = TRIANGLE
    made = mesh.Mesh(data)
    change(made)
    return made.vectors[0].astype(float)


def as_matrix(rotation):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    return matrix


for name, axis in AXES.items():
    for degrees in (30, 90):
        angle = np.radians(degrees)
        by_scipy = Rotation.from_rotvec(angle * np.array(axis))
        matrix = mesh.Mesh.rotation_matrix(axis, angle)
        assert np.allclose(matrix, by_scipy.as_matrix())
        right, inverse = by_scipy.apply(TRIANGLE), by_scipy.inv().apply(TRIANGLE)
        transformed = turned(lambda made: made.transform(as_matrix(matrix)))
        rotated = turned(lambda made: made.rotate(axis, angle))
        by_matrix = turned(lambda made: made.rotate_using_matrix(matrix))
        about = turned(lambda made: made.rotate(axis, angle, point=TRIANGLE[0]))
        off = np.linalg.norm(rotated[0] - right[0])
        print(f"{degrees} degrees about {name}: rotate puts the corner {off:.2f} m from where transform does")
        assert np.allclose(transformed, right, atol=1e-5)
        assert np.allclose(rotated, inverse, atol=1e-5)
        assert np.allclose(by_matrix, inverse, atol=1e-5)
        assert np.allclose(about, TRIANGLE[0] + by_scipy.inv().apply(TRIANGLE - TRIANGLE[0]), atol=1e-5)
PYTHON
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: the other way round"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# USD multiplies two rotations in one order, and the quaternions of the same two in the other.
#
# Guess beforehand: Gf.Rotation and Gf.Quatd, of which each can be made of the other, multiply alike: Gf.Rotation(a.GetQuat() * b.GetQuat()) is
# a * b. What TransformDir and Transform do to a vector is the same for both.
# Seen (usd-core 26.11; SciPy 1.17.1 for comparison): one rotation is the same in both. Of a product it is not: Gf.Rotation's a * b, and that of
# Gf.Matrix4d, turns by a first and then by b; Gf.Quatd's and Gf.Quaternion's, and SciPy's, turns by b first. A drone with a heading of
# 60 degrees whose gimbal looks 45 degrees down is, after heading * gimbal of Gf.Rotation, a camera with a heading of 67.8 degrees and a
# roll of 40.9 that looks 20.7 down, 44.1 degrees away. The header of GfRotation speaks of row vectors and of a "composite rotation", not of an
# order, nor that the order of GfQuatd is the other; no issue of it was found.
# Consequence for whoever writes cameras to USD: settle for quaternions or for rotations, and compose with one of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check usd-core==26.11 scipy==1.17.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
from pxr import Gf, Usd
from scipy.spatial.transform import Rotation

print("USD", *Usd.GetVersion())
HEADING, GIMBAL = Gf.Rotation(Gf.Vec3d(0, 0, 1), 60), Gf.Rotation(Gf.Vec3d(0, 1, 0), 45)


def scipy_of(transform):
    """SciPy's rotation of one that maps each axis by a function."""
    return Rotation.from_matrix(np.array([transform(Gf.Vec3d(*axis)) for axis in np.eye(3)]).T)


def of_quaternion(quaternion):
    real, imaginary = quaternion.GetReal(), quaternion.GetImaginary()
    return Rotation.from_quat([*imaginary, real])


heading, gimbal = scipy_of(HEADING.TransformDir), scipy_of(GIMBAL.TransformDir)
for rotation, by_scipy in ((HEADING, heading), (GIMBAL, gimbal)):
    assert of_quaternion(rotation.GetQuat()).approx_equal(by_scipy, 1e-9)
    assert scipy_of(rotation.GetQuat().Transform).approx_equal(by_scipy, 1e-9)
products = {
    "Gf.Quatd": scipy_of((HEADING.GetQuat() * GIMBAL.GetQuat()).Transform),
    "Gf.Quaternion": of_quaternion(HEADING.GetQuaternion() * GIMBAL.GetQuaternion()),
    "Gf.Rotation": scipy_of((HEADING * GIMBAL).TransformDir),
    "Gf.Matrix4d": scipy_of((Gf.Matrix4d().SetRotate(HEADING) * Gf.Matrix4d().SetRotate(GIMBAL)).TransformDir),
}
away = []
for name, product in products.items():
    away.append(float(np.degrees((product * (heading * gimbal).inv()).magnitude()).round(1)))
    angles = product.as_euler("ZYX", degrees=True).round(1) + 0.0
    print(f"{name}: heading, pitch and roll {angles}, {away[-1]} degrees from SciPy's heading * gimbal")
assert away == [0.0, 0.0, 44.1, 44.1]
assert products["Gf.Rotation"].approx_equal(gimbal * heading, 1e-9)
assert products["Gf.Matrix4d"].approx_equal(gimbal * heading, 1e-9)
PYTHON
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: the other way round"

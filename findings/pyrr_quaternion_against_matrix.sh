#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pyrr's quaternions and the matrices that it makes of them turn in opposite directions.
#
# Guess beforehand: "vectors are transformable by matrices and quaternions directly", by its README, so that q * v and q.matrix33 * v are
# the same vector; and the README's own Matrix44.from_translation(p) * q is the pose of a camera that is at p and turned by q.
# Seen (pyrr 0.10.3; SciPy 1.17.1 for comparison): quaternions turn as SciPy's, matrices the other way: a quarter turn about z takes x to y
# by q, and to -y by q.matrix33, q.matrix44, Matrix33.from_quaternion(q) and Matrix33.from_z_rotation. The translation of the same
# Matrix44 is right, so that it is not the inverse pose either: what lies 5 m before a camera at (1, 2, 3) that has turned to the left
# by 90 degrees comes out at y = -3 instead of 7. (q p).matrix33 is not q.matrix33 * p.matrix33. NumPy's
# matrix of a turn becomes the right quaternion by Quaternion.from_matrix, and the reverse turn as a Matrix33. Nothing is
# raised or said; an issue of 2020 about Matrix33 and NumPy's matrices is open.
# Consequence for whoever makes views of a map by it, as with moderngl: transpose the rotation, or stay with quaternions.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check pyrr==0.10.3 scipy==1.17.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
from pyrr import Matrix33, Matrix44, Quaternion, Vector3, Vector4
from scipy.spatial.transform import Rotation

QUARTER = np.pi / 2


def same(first, second):
    return np.allclose(np.array(first), np.array(second))


vector = Vector3([1.0, 0.0, 0.0])
left = Rotation.from_euler("z", QUARTER)
quaternion = Quaternion.from_z_rotation(QUARTER)
assert same(quaternion, left.as_quat())
by_quaternion = np.array(quaternion * vector)
print("by the quaternion", by_quaternion.round(3))
assert same(by_quaternion, left.apply(vector)) and same(by_quaternion, [0, 1, 0])
for name, turned in (
    ("q.matrix33", quaternion.matrix33 * vector),
    ("q.matrix44", (quaternion.matrix44 * Vector4([1.0, 0.0, 0.0, 1.0]))[:3]),
    ("Matrix33.from_quaternion(q)", Matrix33.from_quaternion(quaternion) * vector),
    ("Matrix33.from_z_rotation", Matrix33.from_z_rotation(QUARTER) * vector),
    ("Matrix33 of NumPy's", Matrix33(left.as_matrix()) * vector),
):
    print(f"by {name}", np.array(turned).round(3) + 0.0)
    assert same(turned, left.inv().apply(vector))

pose = Matrix44.from_translation([1.0, 2.0, 3.0]) * quaternion
before = np.array(pose * Vector3([5.0, 0.0, 0.0]))
print("5 m before the camera", before.round(3))
assert same(pose * Vector3([0.0, 0.0, 0.0]), [1, 2, 3])
assert same(before, [1, -3, 3]) and same(left.apply([5, 0, 0]) + [1, 2, 3], [1, 7, 3])

other = Quaternion.from_x_rotation(0.3)
assert same((quaternion * other) * vector, quaternion * (other * vector))
assert not same((quaternion * other).matrix33, quaternion.matrix33 * other.matrix33)
assert same(Quaternion.from_matrix(left.as_matrix()) * vector, left.apply(vector))
PYTHON
HOME="$folder" OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: matrices turn the other way"

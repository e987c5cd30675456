#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ahrs tells of a matrix the roll, pitch and yaw of its inverse, and the logarithm too; of the quaternion of the same attitude it tells those of it.
#
# Guess beforehand: angles made into an attitude and back are the same angles where pitch is under 90 degrees, whether the attitude is kept as
# a quaternion or as a matrix, and the exponential of a logarithm is the rotation that it was taken of.
# Seen (AHRS 0.4.0; SciPy 1.17.1 for comparison): of Quaternion it is so. DCM(q=...) is the right matrix of that quaternion, and its to_rpy, and
# to_angles, which is the same, give the angles of its transpose: a heading of 60 degrees comes out as -60, and a camera that
# also looks 45 degrees down as a roll of -40.9, a pitch of 20.7 and a heading of -67.8 degrees, which is 147 degrees away. Its log is minus the
# rotation's; to_axisangle is right. What DCM(rpy=(10, 20, 40)) was made of does not come back in any order: to Quaternion the
# 40 is the yaw, to DCM the roll, for of DCM's "roll->pitch->yaw angles" a note further down says "in reverse order", and to_rpy
# gives -39.2, -21.7 and 5.2. Nothing is raised or said; issues about the quaternion's order led to changes there.
# Consequence for whoever reads headings off ahrs' matrices, as its TRIAD gives them: to_quaternion and then to_angles.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check AHRS==0.4.0 scipy==1.17.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
from ahrs import DCM, Quaternion
from scipy.linalg import expm
from scipy.spatial.transform import Rotation


def in_degrees(radians):
    return np.degrees(radians).round(1) + 0.0


for heading, pitch, roll in ((60, 0, 0), (60, -45, 0), (60, 20, 30)):
    given = Rotation.from_euler("ZYX", [heading, pitch, roll], degrees=True)
    wxyz = given.as_quat(scalar_first=True)
    quaternion, matrix = Quaternion(wxyz), DCM(q=wxyz)
    assert np.allclose(matrix, given.as_matrix()) and np.allclose(quaternion.to_DCM(), matrix)
    assert np.allclose(in_degrees(quaternion.to_angles()), [roll, pitch, heading])
    assert np.allclose(np.array(Quaternion(rpy=quaternion.to_angles())), wxyz)
    said = matrix.to_rpy()
    assert np.allclose(said, matrix.to_angles()) and np.allclose(said, given.inv().as_euler("ZYX")[::-1])
    off_deg = np.degrees((Rotation.from_euler("ZYX", said[::-1]) * given.inv()).magnitude())
    print(f"roll, pitch, yaw {roll}, {pitch}, {heading}: by the matrix {in_degrees(said)}, {off_deg:.1f} degrees away")
    assert off_deg > 100
    assert np.allclose(expm(matrix.log), given.as_matrix().T)
    axis, angle = matrix.to_axisangle()
    assert np.allclose(axis * angle, given.as_rotvec())

angles = np.radians([10.0, 20.0, 40.0])
assert np.allclose(Quaternion(rpy=angles).to_DCM(), Rotation.from_euler("ZYX", angles[::-1]).as_matrix())
assert np.allclose(DCM(rpy=angles), Rotation.from_euler("ZYX", angles).as_matrix())
back = DCM(rpy=angles).to_rpy()
print("10, 20, 40 made into a matrix and back:", in_degrees(back), "into a quaternion:", in_degrees(Quaternion(rpy=angles).to_angles()))
assert np.allclose(in_degrees(back), [-39.2, -21.7, 5.2])
said = " ".join(DCM.__doc__.split())
assert "Array with roll->pitch->yaw angles" in said and "given in reverse order" in said
PYTHON
HOME="$folder" OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: the angles of the inverse"

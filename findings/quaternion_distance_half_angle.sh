#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The distance between two orientations is half the angle to pyquaternion and to spatialmath's quaternions.
#
# Guess beforehand: of two orientations that are 30 degrees apart each library's geodesic distance is 30 degrees in radians, from
# quaternions as from matrices, and q and -q are no distance apart, for they are one orientation. At most it is 180 degrees.
# Seen (pyquaternion 0.9.9, spatialmath-python 1.1.18, numpy-quaternion 2024.0.13; SciPy 1.17.1 for comparison): pyquaternion's
# "intrinsic geodesic distance", Quaternion.distance, is 15 degrees, and between q and -q it is 180; absolute_distance, which
# "takes into account that q and -q encode the same rotation", is a chord of 0.26, and sym_distance is as distance is here.
# spatialmath's UnitQuaternion.angdist is 15 degrees, "angle in radians", and the same method of SO3 30. numpy-quaternion's
# rotation_intrinsic_distance is 30 for both signs; its rotor_intrinsic_distance 30 for one and 330 for the other. The
# documentation gives the range of spatialmath's, [0, pi/2]; pyquaternion's does not say that it is of half the angle.
# Consequence for whoever reports errors of orientation, or gates by them: a pose that is upside down is 90 degrees off
# with these two, and a median error of 4 degrees is one of 2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check pyquaternion==0.9.9 \
    spatialmath-python==1.1.18 numpy-quaternion==2024.0.13 scipy==1.17.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
import quaternion
from pyquaternion import Quaternion
from scipy.spatial.transform import Rotation
from spatialmath import SO3, UnitQuaternion

for true_deg in (4.0, 30.0, 180.0):
    half = np.radians(true_deg) / 2
    wxyz = np.array([np.cos(half), 0, 0, np.sin(half)])
    for sign in (1, -1):
        zero, turned = Quaternion(), Quaternion(*(sign * wxyz))
        by_spatialmath = UnitQuaternion(sign * wxyz, norm=False)
        assert np.allclose(turned.rotation_matrix, Rotation.from_quat(wxyz, scalar_first=True).as_matrix())
        angles = {
            "SciPy": Rotation.from_quat(sign * wxyz, scalar_first=True).magnitude(),
            "spatialmath SO3.angdist": SO3().angdist(SO3.Rz(2 * half)),
            "numpy-quaternion rotation_intrinsic_distance": quaternion.rotation_intrinsic_distance(
                quaternion.one, quaternion.quaternion(*(sign * wxyz))
            ),
            "spatialmath UnitQuaternion.angdist": UnitQuaternion().angdist(by_spatialmath),
            "pyquaternion distance": Quaternion.distance(zero, turned),
            "pyquaternion sym_distance": Quaternion.sym_distance(zero, turned),
        }
        print(f"{true_deg} degrees, quaternion's sign {sign:+d}")
        degrees = [float(np.degrees(angle).round(6)) for angle in angles.values()]
        for name, value in zip(angles, degrees):
            print(f"  {name}: {value}")
        of_half = true_deg / 2 if sign > 0 else 180 - true_deg / 2
        assert np.allclose(degrees, [true_deg] * 3 + [true_deg / 2] + [of_half] * 2, atol=1e-3)
PYTHON
HOME="$folder" MPLBACKEND=agg OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: half the angle"

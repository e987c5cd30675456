#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pycolmap's covariance of a pose is that of half the rotation: its variances are a quarter of what they should be.
#
# Guess beforehand: refine_absolute_pose(..., return_covariance=True) gives the covariance of what COLMAP's header says,
# "the rotation (as axis-angle, in tangent space) and translation terms", for errors of one pixel. So with a loss that
# leaves errors of this size alone it is that of many poses, each from the same points with new noise of one pixel.
# Seen (pycolmap 4.2.1): of the translation it is. The rotations scatter with twice the deviations that it promises, in
# every direction, and what is between rotation and translation is half of what it should be: the numbers are Ceres' for a
# quaternion, whose tangent is half the angle. Nothing says so. The camera's position hangs on both: far from the origin of
# the world its deviations come out 11 to 57 % too large here; with the rotation's part doubled they are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check pycolmap==4.2.1 scipy==1.17.1 "numpy<2.5"
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
import pycolmap
from scipy.spatial.transform import Rotation

POSES = 600
rng = np.random.default_rng(0)
camera = pycolmap.Camera(model="PINHOLE", width=640, height=480, params=[500, 500, 320, 240])
in_camera = rng.uniform([-3, -2, 4], [3, 2, 10], (200, 3))
R = Rotation.from_rotvec([0.3, -0.8, 0.5])
position = np.array([6.0, -4.0, 2.0])
t = -R.apply(position)
in_world = R.inv().apply(in_camera - t)
truth = pycolmap.Rigid3d(pycolmap.Rotation3d(R.as_quat()), t)
pixels = np.array(camera.img_from_cam(in_camera))
options = pycolmap.AbsolutePoseRefinementOptions(loss_function_scale=1e4)


def estimate():
    """Errors of rotation vector, translation and position, and the promised covariance."""
    noisy = pixels + rng.normal(size=pixels.shape)
    every = np.ones(len(pixels), bool)
    found = pycolmap.refine_absolute_pose(truth, noisy, in_world, every, camera, options, return_covariance=True)
    pose = found["cam_from_world"]
    turned = (Rotation.from_quat(pose.rotation.quat) * R.inv()).as_rotvec()
    return np.concatenate([turned, pose.translation - t]), pose.inverse().translation - position, found["covariance"]


def deviations_of_position(covariance):
    x, y, z = t
    to_position = R.inv().as_matrix() @ np.column_stack([[[0, -z, y], [z, 0, -x], [-y, x, 0]], np.eye(3)])
    return np.sqrt(np.diag(to_position @ covariance @ to_position.T))


errors, of_position, covariances = (np.array(each) for each in zip(*(estimate() for _ in range(POSES))))
promised = covariances.mean(axis=0)
ratios = [
    np.linalg.eigvals(np.linalg.solve(promised[part, part], np.cov(errors[:, part].T)))
    for part in (slice(0, 3), slice(3, 6))
]
print("variances seen by those promised, rotation", ratios[0].round(2), "translation", ratios[1].round(2))
assert 3.2 < ratios[0].min() and ratios[0].max() < 4.9
assert 0.8 < ratios[1].min() and ratios[1].max() < 1.25
doubled = np.diag([2, 2, 2, 1, 1, 1])
for name, covariance in (("promised", promised), ("rotation doubled", doubled @ promised @ doubled)):
    by_seen = deviations_of_position(covariance) / of_position.std(axis=0)
    print(f"deviations of the position, {name}, by those seen: {by_seen.round(2)}")
    assert np.allclose(by_seen, 1, atol=0.1) == (name == "rotation doubled")
PYTHON
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: variances of rotations are a quarter of what they should be"

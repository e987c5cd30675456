#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Over flat ground OpenCV's solvePnPRansac says that it found the camera, and has it metres from where it is.
#
# Guess beforehand: points on a plane (a floor, a field of markers, a map without heights) are found like any others, for four of
# them fix a pose and EPnP is for planes too, by its paper. The pose is that of the inliers, so that with all inliers right it is right.
# Seen (opencv-python-headless 4.14.0.94, the same with 5.0.0.93 and 4.7.0.72): EPnP, by which it tries samples and of which with
# SOLVEPNP_P3P and AP3P it makes the pose in the end, is wrong where the points lie exactly in a plane z = 0 and the camera is above it, also
# from twenty points without errors. A camera 12 m over the ground, 80 points with errors of half a pixel and 20 wrong ones: by
# default it has 12 inliers, and in two of three cases a pose that is more than 1 m off, 6.9 m and 33 degrees in the median.
# With SOLVEPNP_P3P all 80 are inliers, none of the wrong ones, and yet the pose is 9.4 m off; it is wrong in a third of the cases if the
# ground is rough by 1 mm, in a tenth if by 1 cm, and never if by 5 cm. True is returned each time. SQPnP alone (solvePnP), and the newer RANSAC
# (UsacParams), are right on the same points. Of the release before, 4.6.0.66, the default is right in most cases. An issue of 2025 is open.
# Consequence for whoever localizes over a floor or by boards: UsacParams, as camera_relocalization_ros does, or solve the
# inliers once more with SOLVEPNP_SQPNP or SOLVEPNP_ITERATIVE.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check opencv-python-headless==4.14.0.94 \
    scipy==1.17.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import cv2
import numpy as np
from scipy.spatial.transform import Rotation

CAMERA = np.array([[800.0, 0, 640], [0, 800, 360], [0, 0, 1]])
CASES, POINTS, WRONG, HEIGHT_M = 50, 100, 20, 12


def scene(seed, roughness_m):
    rng = np.random.default_rng(seed)
    points = np.c_[rng.uniform(-5, 5, (POINTS, 2)), rng.uniform(-1, 1, POINTS) * roughness_m]
    tilts = rng.uniform(-30, 30, 2)
    world_to_camera = Rotation.from_euler("zyx", [rng.uniform(-180, 180), tilts[0], 180 + tilts[1]], degrees=True)
    position = world_to_camera.inv().apply([0, 0, -HEIGHT_M])
    pixels, _ = cv2.projectPoints(points, world_to_camera.as_rotvec(), -world_to_camera.apply(position), CAMERA, None)
    pixels = pixels[:, 0] + rng.normal(0, 0.5, (POINTS, 2))
    pixels[:WRONG] = rng.uniform([0, 0], [1280, 720], (WRONG, 2))
    return points, pixels, position, world_to_camera


def by_ransac(flags):
    def solve(points, pixels):
        found, rotvec, translation, inliers = cv2.solvePnPRansac(
            points, pixels, CAMERA, None, reprojectionError=4, flags=flags
        )
        return found, rotvec, translation, inliers.ravel()

    return solve


def by_usac(points, pixels):
    parameters = cv2.UsacParams()
    parameters.threshold, parameters.maxIterations, parameters.confidence = 4, 1000, 0.999
    found, _, rotvec, translation, inliers = cv2.solvePnPRansac(points, pixels, CAMERA.copy(), None, params=parameters)
    return found, rotvec, translation, inliers.ravel()


def by_right_points(points, pixels):
    right = np.arange(WRONG, POINTS)
    return *cv2.solvePnP(points[right], pixels[right], CAMERA, None, flags=cv2.SOLVEPNP_SQPNP), right


def measure(name, solve, roughness_m):
    rows = []
    for seed in range(CASES):
        points, pixels, position, world_to_camera = scene(seed, roughness_m)
        found, rotvec, translation, inliers = solve(points, pixels)
        assert found
        rotation = Rotation.from_rotvec(rotvec.ravel())
        error_m = np.linalg.norm(-rotation.inv().apply(translation.ravel()) - position)
        error_deg = np.degrees((rotation * world_to_camera.inv()).magnitude())
        rows.append((error_m, error_deg, len(inliers), np.sum(inliers < WRONG)))
    rows = np.array(rows)
    share = np.mean(rows[:, 0] > 1)
    error_m, error_deg, inliers, wrong = np.median(rows, axis=0)
    print(
        f"rough by {roughness_m} m, {name}: {share:.0%} more than 1 m off, median {error_m:.2f} m and "
        f"{error_deg:.1f} degrees, {inliers:.0f} inliers, {wrong:.0f} of them wrong"
    )
    return share, error_m, inliers, wrong


cv2.setNumThreads(1)
share, _, inliers, _ = measure("default", by_ransac(cv2.SOLVEPNP_ITERATIVE), 0)
assert share > 0.5 and inliers < 20
for name, flags in (("P3P", cv2.SOLVEPNP_P3P), ("AP3P", cv2.SOLVEPNP_AP3P)):
    share, error_m, inliers, wrong = measure(name, by_ransac(flags), 0)
    assert share > 0.9 and error_m > 5 and inliers > 75 and wrong == 0
for roughness_m, least, most in ((0.001, 0.3, 0.6), (0.01, 0.02, 0.2), (0.05, 0, 0)):
    assert least <= measure("P3P", by_ransac(cv2.SOLVEPNP_P3P), roughness_m)[0] <= most
assert measure("default", by_ransac(cv2.SOLVEPNP_ITERATIVE), 0.001)[0] == 0
for name, solve in (("UsacParams", by_usac), ("SQPnP of the right ones", by_right_points)):
    share, error_m, *_ = measure(name, solve, 0)
    assert share == 0 and error_m < 0.1
PYTHON
HOME="$folder" OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: a pose that is not the camera's"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Near a fisheye's rim OpenCV and PoseLib take good points for outliers: their pixels are not the picture's.
#
# Guess beforehand: RANSAC's threshold is a distance in the picture. fisheye.solvePnPRansac's reprojectionError is "the maximum
# allowed distance between the observed and computed point projections", and PoseLib's max_reproj_error is given in pixels for each
# of its camera models. So of points seen with errors of 1 pixel on each axis 4 pixels let 99.97 % pass, at any angle to the axis.
# Seen (opencv-python-headless 4.14.0.94, PoseLib 2.0.5; pycolmap 4.2.1 for comparison): both compare on the flat picture that a
# pinhole of the same focal length would see, where a pixel at 80 degrees is four times as wide and thirty times as high. Of right
# matches 50 to 65 degrees off the axis OpenCV calls 64 % inliers and PoseLib 70 %, from 65 to 75 degrees each 33 %, from 75 to
# 83 degrees 10 and 13 %; pycolmap 99.9 % everywhere. From the rim alone, where the horizon is for a camera that looks down, their
# positions are five and three times as far off as pycolmap's. Nothing is raised or said; OpenCV's documentation goes on that the
# points are undistorted first, but not that the threshold is of those.
# Consequence for whoever takes the number of inliers for the evidence of a pose from a wide fisheye: count them again in
# the picture. camera_relocalization_ros compares on z = 1 as well, says so, and knows no rays beyond 80 degrees.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    opencv-python-headless==4.14.0.94 poselib==2.0.5 pycolmap==4.2.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import cv2
import numpy as np
import poselib
import pycolmap

POINTS, DRAWS, NOISE_PX, THRESHOLD_PX = 200, 10, 1.0, 4.0
PARAMETERS = [350.0, 350.0, 640.0, 480.0, 0.02, -0.005, 0.001, 0.0]
K, D = np.array([[350.0, 0, 640], [0, 350, 480], [0, 0, 1]]), np.array(PARAMETERS[4:])
RVEC, TVEC = np.array([0.1, -0.2, 0.05]), np.array([0.1, 0.2, 0.3])
TURN = cv2.Rodrigues(RVEC)[0]
SEES = {"model": "OPENCV_FISHEYE", "width": 1280, "height": 960, "params": PARAMETERS}


def by_opencv(pixels, points):
    _, rvec, tvec, inliers = cv2.fisheye.solvePnPRansac(
        points[:, None], pixels[:, None], K, D, reprojectionError=THRESHOLD_PX, iterationsCount=1000
    )
    return -cv2.Rodrigues(rvec)[0].T @ tvec.ravel(), len(inliers)


def by_poselib(pixels, points):
    pose, details = poselib.estimate_absolute_pose(pixels, points, SEES, {"max_reproj_error": THRESHOLD_PX}, {})
    return -pose.R.T @ pose.t, sum(details["inliers"])


def by_pycolmap(pixels, points):
    options = pycolmap.AbsolutePoseEstimationOptions()
    options.ransac.max_error = THRESHOLD_PX
    found = pycolmap.estimate_and_refine_absolute_pose(pixels, points, pycolmap.Camera(**SEES), options)
    pose = found["cam_from_world"].inverse()
    return pose.translation, found["inlier_mask"].sum()


def view(rng, ring_deg):
    """Points (n, 3) of the world that are seen at angles within ring_deg to the axis, and where, with errors of NOISE_PX."""
    angle, around = np.radians(rng.uniform(*ring_deg, POINTS)), rng.uniform(0, 2 * np.pi, POINTS)
    rays = np.stack([np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), np.cos(angle)], axis=1)
    points = (rng.uniform(2, 8, (POINTS, 1)) * rays - TVEC) @ TURN
    pixels = cv2.fisheye.projectPoints(points[None], RVEC, TVEC, K, D)[0][0]
    return pixels + rng.normal(0, NOISE_PX, pixels.shape), points


share, error_mm = {}, {}
for ring_deg in ((0, 30), (50, 65), (65, 75), (75, 83)):
    for localize in (by_opencv, by_poselib, by_pycolmap):
        rng = np.random.default_rng(1)
        found = [localize(*view(rng, ring_deg)) for _ in range(DRAWS)]
        share[ring_deg, localize] = sum(count for _, count in found) / DRAWS / POINTS
        offsets = np.array([position for position, _ in found]) + TURN.T @ TVEC
        error_mm[ring_deg, localize] = 1000 * np.sqrt((offsets**2).sum(axis=1).mean())
        print(
            f"{ring_deg} degrees off the axis, {localize.__name__[3:]}: {share[ring_deg, localize]:.1%} inliers, position"
            f" {error_mm[ring_deg, localize]:.1f} mm off"
        )
for localize in (by_opencv, by_poselib):
    assert share[(0, 30), localize] > 0.95
    assert 0.5 < share[(50, 65), localize] < 0.8
    assert 0.25 < share[(65, 75), localize] < 0.4
    assert share[(75, 83), localize] < 0.15
    assert error_mm[(75, 83), localize] > 2.5 * error_mm[(75, 83), by_pycolmap]
assert all(share[ring_deg, by_pycolmap] > 0.995 for ring_deg, _ in share)
PYTHON
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: of good points at the rim one in ten is an inlier"

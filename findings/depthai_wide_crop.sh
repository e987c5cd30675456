#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# depthai gives the camera matrix of a picture with bars above and below for one that is cropped at its sides.
#
# Guess beforehand: CalibrationHandler.getCameraIntrinsics for another size is that of the scaled and centre-cropped image, for it "will scale
# on width or height depending on which provides the max resolution and crops the remaining part of the other side", by its
# docstring; so do the device's own frames, whose resize mode is to crop unless another is asked for.
# Seen (depthai 3.12.0, the same with 3.0.0 and 2.30.0.0): it is so where the new picture is wider than the calibrated one. Where it is
# less wide, as 640x480 or 300x300 of 1280x800, the scale is that of the width all the same: the matrix is of the whole picture
# with bars above and below. Of a camera with a focal length of 800 px that is 400 px for 480 at 640x480, 187.5 for 300 at 300x300,
# and 500 for 667 at 640x480 of 1920x1080 with 1500 px. The library's own ImgTransformation of the same scale and crop says 480. The principal
# point is in the middle in both, so that nothing looks wrong. Nothing is raised or said.
# A pose from points and this matrix has the camera 17 % too near for the first, and 37 % for the second.
# Consequence for whoever takes a network's square input, or 4:3, from an OAK camera: scale the matrix of the full picture yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  depthai==3.12.0 opencv-python-headless==4.14.0.94 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import cv2
import depthai
import numpy as np

print("depthai", depthai.__version__)
CAMERA = depthai.CameraBoardSocket.CAM_A
said = " ".join(depthai.CalibrationHandler.getCameraIntrinsics.__doc__.split())
assert "scale on width or height depending on which provides the max resolution and crops the remaining part" in said
grid = np.array([[x, y, 0.2 * (x * y % 2)] for x in range(-1, 2) for y in range(-1, 2)], float)

for full, focal, size, expected in (
    ((1280, 800), 800, (1280, 720), 800),
    ((4032, 3024), 3000, (1920, 1080), 1428.571),
    ((1280, 800), 800, (640, 480), 480),
    ((1280, 800), 800, (300, 300), 300),
    ((1920, 1080), 1500, (640, 480), 666.667),
):
    handler = depthai.CalibrationHandler()
    handler.setCameraIntrinsics(CAMERA, [[focal, 0, full[0] / 2], [0, focal, full[1] / 2], [0, 0, 1]], *full)
    matrix = np.array(handler.getCameraIntrinsics(CAMERA, *size))
    scales = size[0] / full[0], size[1] / full[1]
    scale = max(scales)
    cropped = depthai.ImgTransformation(*full, np.array(handler.getCameraIntrinsics(CAMERA)).tolist())
    cropped.addScale(scale, scale)
    cropped.addCrop(round((full[0] * scale - size[0]) / 2), round((full[1] * scale - size[1]) / 2), *size)
    by_transformation = np.array(cropped.getIntrinsicMatrix())
    assert cropped.getSize() == size and np.allclose(by_transformation[[0, 1], [0, 1]], expected, atol=1e-2)
    assert np.allclose(matrix[:2, 2], np.divide(size, 2)) and np.allclose(by_transformation[:2, 2], matrix[:2, 2], atol=0.5)

    pixels = cv2.projectPoints(grid, np.zeros(3), np.array([0, 0, 6.0]), by_transformation, None)[0]
    depth = cv2.solvePnP(grid, pixels, matrix, None)[2][2, 0]
    print(f"{size} of {full}: {matrix[0, 0]:.1f} px, cropped {expected:.1f}; a camera 6 m away is found {depth:.2f} m away")
    assert np.isclose(matrix[0, 0], focal * scales[0]) and matrix[0, 0] == matrix[1, 1]
    less_wide = scales[0] < scales[1]
    assert np.isclose(depth, 6 * scales[0] / scale, atol=0.05 if less_wide else 1e-3) and less_wide == (depth < 5.9)
PYTHON
HOME="$folder" OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: the whole width"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# OpenCV 4.6 turned the axes of boards of tags over: the same board, the same picture, another pose.
#
# Guess beforehand: a GridBoard and a ChArUco board have the axes that they had in the release before, as long as the board
# that is drawn is the same to the pixel; and they lie as those of each single tag on them, whose corners detectMarkers gives
# from the top left on: x to the right, y up, z out of the board, as aruco's documentation has it for a tag.
# Seen (opencv-contrib-python-headless 4.5.5.64, 4.6.0.66, 4.14.0.94): to 4.5.5 zero is the board's lower left corner, y points
# up and z out of it; from 4.6.0 on zero is its upper left corner, y points down and z into it. The pictures of the
# boards are equal. A camera that hovers 0.60 m over a board on the floor is at z = 0.60 with one and at z = -0.60, half a
# turn about x away, with the other; a single tag of the board still has z out of it. Nothing is raised or said, and the
# reprojection is as exact in both. ROS Noetic's own Ubuntu 20.04 has OpenCV 4.2, Debian 12 has 4.6.
# Consequence for whoever makes a board the origin of a map: do not mix poses of the two, nor of boards and tags.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import hashlib
import sys

import cv2
import numpy as np

TAG_M, GAP_M, DOTS_PER_M, HEIGHT_M = 0.08, 0.02, 2000, 0.6
K = np.array([[800.0, 0, 319.5], [0, 800, 239.5], [0, 0, 1]])
aruco = cv2.aruco
if hasattr(aruco, "GridBoard_create"):
    tags, parameters = aruco.Dictionary_get(aruco.DICT_4X4_50), aruco.DetectorParameters_create()
    grid = aruco.GridBoard_create(3, 2, TAG_M, GAP_M, tags)
    charuco = aruco.CharucoBoard_create(5, 7, 0.04, 0.02, tags)
    drawings = grid.draw((560, 360)), charuco.draw((500, 700))
    points, numbers, charuco_points = grid.objPoints, grid.ids, charuco.objPoints
else:
    tags, parameters = aruco.getPredefinedDictionary(aruco.DICT_4X4_50), aruco.DetectorParameters()
    grid = aruco.GridBoard((3, 2), TAG_M, GAP_M, tags)
    charuco = aruco.CharucoBoard((5, 7), 0.04, 0.02, tags)
    drawings = grid.generateImage((560, 360)), charuco.generateImage((500, 700))
    points, numbers, charuco_points = grid.getObjPoints(), grid.getIds(), charuco.getObjPoints()
# from straight above the middle of the board, its upper edge upwards in the picture
scale = K[0, 0] / HEIGHT_M / DOTS_PER_M
shift = np.array([[scale, 0, 319.5 - scale * 279.5], [0, scale, 239.5 - scale * 179.5]])
picture = cv2.warpAffine(drawings[0], shift, (640, 480), borderValue=255)
if hasattr(aruco, "ArucoDetector"):
    corners, seen, _ = aruco.ArucoDetector(tags, parameters).detectMarkers(picture)
else:
    corners, seen, _ = aruco.detectMarkers(picture, tags, parameters=parameters)
assert sorted(seen.ravel()) == list(range(6))


def camera(points_m, pixels, method):
    """Position of the camera in the frame of the points, and the RMS in pixels of what it leaves."""
    _, rvec, tvec = cv2.solvePnP(points_m, pixels, K, None, flags=method)
    left = cv2.projectPoints(points_m, rvec, tvec, K, None)[0].reshape(-1, 2) - pixels
    return -cv2.Rodrigues(rvec)[0].T @ tvec.ravel(), np.sqrt((left**2).sum(axis=1).mean())


points_of = dict(zip(np.ravel(numbers), points))
points_m = np.concatenate([points_of[number] for number in seen.ravel()]).astype(float)
pixels = np.concatenate([each.reshape(4, 2) for each in corners]).astype(float)
half = TAG_M / 2
tag_m = np.array([[-half, half, 0], [half, half, 0], [half, -half, 0], [-half, -half, 0]])
of_board, left_px = camera(points_m, pixels, cv2.SOLVEPNP_ITERATIVE)
of_tag, _ = camera(tag_m, corners[0].reshape(4, 2).astype(float), cv2.SOLVEPNP_IPPE_SQUARE)
top_y = charuco_points[0][0][1]
print(f"OpenCV {cv2.__version__}: the boards drawn {[hashlib.sha256(each).hexdigest()[:12] for each in drawings]}")
print(f"  camera in the board's frame {of_board.round(2)} m, {left_px:.2f} px left; in a tag's frame at z = {of_tag[2]:.2f} m")
print(f"  upper edge of ChArUco's first tag at y = {top_y:.2f} m of 0.28")
upside_down = sys.argv[1] == "below"
assert np.allclose(of_board, [0.14, 0.09, -HEIGHT_M if upside_down else HEIGHT_M], atol=0.01) and left_px < 1
assert abs(of_tag[2] - HEIGHT_M) < 0.02
assert np.isclose(top_y, 0.01 if upside_down else 0.27)
PYTHON
while read -r release numpy_release side; do
    rm -rf "$folder/venv"
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
        "opencv-contrib-python-headless==$release" "numpy==$numpy_release"
    "$folder/venv/bin/python" "$folder/program.py" "$side" | tee -a "$folder/seen"
done <<'RELEASES'
4.5.5.64 1.26.4 above
4.6.0.66 1.26.4 below
4.14.0.94 2.2.6 below
RELEASES
test "$(grep -o "drawn .*" "$folder/seen" | sort -u | wc -l)" = 1
echo "still so: from 4.6 on the camera above the board is below it"

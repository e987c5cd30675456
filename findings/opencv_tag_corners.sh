#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# OpenCV's refinements of a tag's corners count pixels from different places.
#
# Guess beforehand: cornerRefinementMethod changes how exact detectMarkers' corners are, not what their numbers mean: with
# any of them the middle of the first pixel is (0, 0), as everywhere in OpenCV, and errors have no preferred direction.
# Seen (opencv-python-headless 5.0.0.93, and 4.6.0 of Debian 12): CORNER_REFINE_SUBPIX and CORNER_REFINE_CONTOUR are right
# on average; CORNER_REFINE_APRILTAG gives corners that lie 0.46 pixels too far right and down on each axis, and varies
# four times less than SUBPIX does. So half a pixel parts a camera calibrated with one from a pose found with the other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy
cat >"$folder/program.py" <<'PYTHON'
import cv2
import numpy as np

SIDE, FINER, HALF = 240, 8, 48.0
tags = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
drawn = cv2.aruco.generateImageMarker(tags, 3, 800)
drawn_corners = np.float32([[0, 0], [800, 0], [800, 800], [0, 800]]) - 0.5


def picture(number):
    """A tag turned and shifted, drawn eight times as large, shrunk and blurred; its corners (4, 2) in the picture."""
    angle = np.radians(3.0 + 3.6 * number)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([120.0 + 0.37 * number % 1, 118.0 + 0.61 * number % 1])
    # counted from the outer edge of the first pixel, whose middle is at a half
    edges = HALF * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ turn.T + middle
    H = cv2.getPerspectiveTransform(drawn_corners, np.float32(FINER * edges - 0.5))
    large = cv2.warpPerspective(drawn, H, (FINER * SIDE, FINER * SIDE), borderValue=255)
    small = cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), 0.8), edges - 0.5


def errors(method):
    """Errors (n, 2) of the corners that a refinement finds in all pictures."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = method
    detector, found = cv2.aruco.ArucoDetector(tags, parameters), []
    for number in range(24):
        image, truth = picture(number)
        (corners,), _, _ = detector.detectMarkers(image)
        found.append(corners[0] - truth)
    return np.concatenate(found)


print("OpenCV", cv2.__version__)
mean = {}
for name in ("SUBPIX", "CONTOUR", "APRILTAG"):
    off = errors(getattr(cv2.aruco, f"CORNER_REFINE_{name}"))
    mean[name] = off.mean(axis=0)
    print(f"{name:9} mean {mean[name].round(2)} px, standard deviation {off.std(axis=0).round(2)} px")
assert np.abs(mean["SUBPIX"]).max() < 0.05 and np.abs(mean["CONTOUR"]).max() < 0.1
assert np.abs(mean["APRILTAG"] - 0.46).max() < 0.06
PYTHON
"$folder/venv/bin/python" "$folder/program.py"
echo "still so: APRILTAG's corners are half a pixel to the right and below those of the others"

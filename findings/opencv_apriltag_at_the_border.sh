#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# With CORNER_REFINE_APRILTAG OpenCV finds tags that the picture's border cuts off, and puts their corners pixels off.
#
# Guess beforehand: cornerRefinementMethod changes how exact corners are, not which tags are found; a tag with a corner
# outside the picture, or nearer to its border than minDistanceToBorder (3 pixels unless set), is not found by any.
# Seen (opencv-python-headless 4.10.0.84, and 4.6.0 of Debian 12; 4.12.0.88 leaves out tags near the border with every
# refinement), a tag of 100 pixels turned by 20 degrees, whose leftmost corner lies 2, 4, 6 and 8 pixels outside: without
# refinement and with CORNER_REFINE_SUBPIX it is never found, with CORNER_REFINE_APRILTAG always, its corners up to 6.5
# pixels off, where they are half a pixel off inside; it does not look at minDistanceToBorder, not even at 30. The number
# of the tag is right, so nothing tells such corners from good ones.
# So camera_relocalization_ros takes no tag with a corner near the border of a picture.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==4.10.0.84 numpy==1.26.4
cat >"$folder/program.py" <<'PYTHON'
import cv2
import numpy as np

WIDTH, HEIGHT, SIDE_PX, TURN_DEG = 640, 480, 100, 20
METHODS = {"none": cv2.aruco.CORNER_REFINE_NONE, "subpix": cv2.aruco.CORNER_REFINE_SUBPIX}
METHODS["apriltag"] = cv2.aruco.CORNER_REFINE_APRILTAG
tags = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
drawn = cv2.copyMakeBorder(cv2.aruco.generateImageMarker(tags, 0, 640), *[160] * 4, cv2.BORDER_CONSTANT, value=255)
drawn_corners = np.array([[160, 160], [800, 160], [800, 800], [160, 800]]) - 0.5


def picture(outside_px):
    """A tag whose leftmost corner lies so many pixels outside the picture, and its corners."""
    turn = np.radians(TURN_DEG)
    shape = SIDE_PX / 640 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = drawn_corners @ shape.T
    shift = np.array([-outside_px - corners[:, 0].min(), HEIGHT / 2 - corners[:, 1].mean()])
    image = cv2.warpAffine(drawn, np.column_stack([shape, shift]), (WIDTH, HEIGHT), borderValue=255)
    return cv2.GaussianBlur(image, (0, 0), 0.8), corners + shift


def error_px(image, corners, method, border):
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod, parameters.minDistanceToBorder = METHODS[method], border
    found, numbers, _ = cv2.aruco.ArucoDetector(tags, parameters).detectMarkers(image)
    if numbers is None:
        return None
    assert numbers.ravel().tolist() == [0]
    return round(float(np.abs(found[0][0] - corners).max()), 1)


print(cv2.__version__)
for border in (3, 30):
    for outside_px in (-50, 2, 4, 6, 8):
        seen = {method: error_px(*picture(outside_px), method, border) for method in METHODS}
        print(f"minDistanceToBorder {border}, leftmost corner at x = {-outside_px}: pixels off {seen}")
        if outside_px < 0:
            assert max(seen.values()) < 1.5 and seen["apriltag"] < 1.0
        else:
            assert seen["none"] is seen["subpix"] is None
            assert seen["apriltag"] > 1.0
        if outside_px == 8:
            assert seen["apriltag"] > 5.0
PYTHON
"$folder/venv/bin/python" "$folder/program.py"
echo "still so: only this refinement finds tags that are cut off, and puts their corners pixels off"

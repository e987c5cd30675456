#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is the top of an AprilTag to AprilTag is its bottom to OpenCV.
#
# Guess beforehand: OpenCV's dictionaries DICT_APRILTAG_* are AprilTag's families: it finds the same tags by the same numbers, and the
# same edge of a printed tag is the upper one, where OpenCV's first two corners are, by its documentation. What is known to part
# the two frames of a tag is y and z alone, half a turn about x: AprilTag's y points down and its z into the tag.
# Seen (opencv-python-headless 4.14.0.94 and 5.0.0.93; pupil-apriltags 1.0.4.post11, moms-apriltag 2023.1.15 for the
# picture): of a tag36h11 that stands upright OpenCV's first corner is the lower right one, and what OpenCV draws is the same
# picture upside down. A camera that is 0.2 m to the right of and 0.1 m above such a tag is so to AprilTag, and 0.2 m to the left
# and 0.1 m below to OpenCV. The numbers are right, so are the distances, and nothing is raised or said. OpenCV 5's
# documentation warns of it ("not aligned"), that of 4 does not.
# Consequence for whoever has a map from one and a detector of the other in flight: turn the tag's frame by half a turn about
# z. docs/survey.md of camera_relocalization_ros has it where it says where the axes are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import cv2
import numpy as np
import pupil_apriltags
from moms_apriltag import TagGenerator2

EDGE_M, FOCAL_PX, SIZE_PX = 0.16, 600.0, (480, 640)
K = np.array([[FOCAL_PX, 0, 319.5], [0, FOCAL_PX, 239.5], [0, 0, 1]])
CAMERA_M = np.array([0.2, 0.1, 0.9])  # right of the tag, above it, in front of it
half = EDGE_M / 2
FRAME_M = np.array([[-half, half, 0], [half, half, 0], [half, -half, 0], [-half, -half, 0]])

tags = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
detector = pupil_apriltags.Detector(families="tag36h11")
for number in (0, 3, 250):
    # 8 x 8 cells as AprilTag's makers draw them
    official = TagGenerator2("tag36h11").generate(number, scale=25)
    drawn = cv2.aruco.generateImageMarker(tags, number, 200)
    assert official.shape == (200, 200) and not np.array_equal(drawn, official)
    assert np.array_equal(drawn, official[::-1, ::-1])
    # the camera looks straight at the wall, its picture's right is the tag's right
    moved = np.array([1, -1, -1]) * (FRAME_M - CAMERA_M)
    seen = (K @ moved.T / moved[:, 2]).T[:, :2].astype(np.float32)
    H = cv2.getPerspectiveTransform(np.float32([[-0.5, -0.5], [199.5, -0.5], [199.5, 199.5], [-0.5, 199.5]]), seen)
    picture = cv2.warpPerspective(official, H, SIZE_PX[::-1], flags=cv2.INTER_AREA, borderValue=255)

    corners, numbers, _ = cv2.aruco.ArucoDetector(tags).detectMarkers(picture)
    assert numbers.ravel().tolist() == [number]
    _, rvec, tvec = cv2.solvePnP(FRAME_M, corners[0].reshape(4, 2), K, None, flags=cv2.SOLVEPNP_IPPE_SQUARE)
    by_opencv = -cv2.Rodrigues(rvec)[0].T @ tvec.ravel()

    (found,) = detector.detect(picture, True, (FOCAL_PX, FOCAL_PX, 319.5, 239.5), EDGE_M)
    assert found.tag_id == number
    # AprilTag's y points down and its z into the tag
    by_apriltag = np.array([1, -1, -1]) * (-found.pose_R.T @ found.pose_t.ravel())
    print(
        f"OpenCV {cv2.__version__}, tag {number}: camera right, above, in front {CAMERA_M} m; AprilTag"
        f" {by_apriltag.round(2)}, OpenCV {by_opencv.round(2)}"
    )
    assert np.allclose(by_apriltag, CAMERA_M, atol=0.03)
    assert np.allclose(by_opencv, [-1, -1, 1] * CAMERA_M, atol=0.03)
PYTHON
for release in 4.14.0.94 5.0.0.93; do
    rm -rf "$folder/venv"
    python3 -m venv "$folder/venv"
    # without what these ask for beside it, which is another OpenCV and a display
    "$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check "opencv-python-headless==$release" \
        numpy==2.2.6 pupil-apriltags==1.0.4.post11
    "$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --no-deps \
        moms-apriltag==2023.1.15 colorama==0.4.6
    OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
done
echo "still so: half a turn about z parts OpenCV's frame of an AprilTag from AprilTag's"

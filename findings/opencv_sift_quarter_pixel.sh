#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# OpenCV's SIFT puts every point a quarter of a pixel to the right of and below where it is.
#
# Guess beforehand: round blobs whose centres are known to a fraction of a pixel are found without bias, in pixels whose
# centres lie at whole numbers, as everywhere else in OpenCV.
# Seen (opencv-python-headless 4.12.0.88; the same with Debian's 4.6, which has no switch): +0.25 px in x and in y at
# every scale, since the image is first doubled as cv2.resize does it (pixel centres at halves) and the points are then
# halved as if they were at whole numbers. enable_precise_upscale=True (4.8 and newer, off by default) has no bias.
# COLMAP's own SIFT (pycolmap 4.2.1) has none either in its convention, whole numbers at pixel corners: +0.5 px exactly.
# So who adds 0.5 px to OpenCV's SIFT points to give them to COLMAP is 0.25 px off, and intrinsics from a chessboard do
# not quite belong to landmarks from SIFT. Where map and flight use the same extractor at the same width, as here, it is
# the same small turn of the camera in both and cancels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==4.12.0.88 pycolmap==4.2.1 "numpy<2.3"
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np
import pycolmap

rows, columns = np.mgrid[:240, :320]
generator = np.random.default_rng(0)


def blob(centre, deviation):
    squared = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2
    return np.round(20 + 200 * np.exp(-squared / (2 * deviation**2))).astype(np.uint8)


def bias(find, deviation):
    offsets = []
    for _ in range(20):
        centre = generator.uniform((100, 100), (200, 140))
        points = find(blob(centre, deviation))
        offsets.extend(point - centre for point in points if np.abs(point - centre).max() < 2)
    assert len(offsets) >= 10
    return np.median(offsets, axis=0)


def opencv(**options):
    sift = cv2.SIFT_create(**options)
    return lambda image: [np.array(point.pt) for point in sift.detect(image, None)]


colmap = pycolmap.Sift()
finders = {
    "OpenCV": (opencv(), 0.25),
    "OpenCV, enable_precise_upscale": (opencv(enable_precise_upscale=True), 0.0),
    "COLMAP": (lambda image: np.array(colmap.extract(image.astype(np.float32) / 255)[0])[:, :2], 0.5),
}
for name, (find, expected) in finders.items():
    for deviation in (3, 5):
        found = bias(find, deviation)
        print(f"{name:32} blob of {deviation} px: {found[0]:+.3f} {found[1]:+.3f} px")
        assert np.allclose(found, expected, atol=0.06), (name, deviation, found)
print(f"still so with OpenCV {cv2.__version__} and pycolmap {pycolmap.__version__}")
PYTHON

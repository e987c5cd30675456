#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Mitsuba puts a camera's principal point to the other side of the picture's middle than it is told.
#
# Guess beforehand: principal_point_offset_x = 0.1 of a perspective camera moves the principal point to 0.6 of the width from the left, and y = 0.1
# to 0.6 of the height from the top, for these numbers are "the position of the camera's principal point relative to the center of the film", by
# the documentation. A sphere that is rendered lies where OpenCV's matrix with this cx and cy puts it.
# Seen (mitsuba 3.9.1, scalar_rgb; opencv-python-headless 4.14.0.94 for comparison): both go the other way. What lies on the optical axis is
# at 0.4 of the width and of the height: of a picture of 640 x 480 a sphere is 128 px to the left of and 96 px above where the
# matrix has it. With both signs turned, (W / 2 - cx) / W and (H / 2 - cy) / H, all lies within 0.3 px. Nothing is raised or said.
# A calibrated camera with its principal point 10 px beside the middle is rendered as one with -10: 20 px at f = 500 px are 2.3 degrees, which
# a pose from landmarks of such views takes for a turn of the camera.
# Consequence for whoever renders views for a real camera's matrix: turn the signs, and render one point to see.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  mitsuba==3.9.1 opencv-python-headless==4.14.0.94 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import cv2
import mitsuba
import numpy as np

mitsuba.set_variant("scalar_rgb")
print("mitsuba", mitsuba.__version__)
WIDTH, HEIGHT, FOCAL = 640, 480, 500.0
# x to the left, y up and z forwards are the axes of its cameras.
PLACES = np.array([[0.0, 0.0, 6.0], [0.4, -0.3, 6.0], [-0.5, 0.2, 6.0]])


def rendered(place, offset_x, offset_y):
    """Middle of a sphere's disc in the picture, from the picture's corner on."""
    scene = mitsuba.load_dict(
        {
            "type": "scene",
            "integrator": {"type": "depth"},
            "sensor": {
                "type": "perspective",
                "fov": float(np.degrees(2 * np.arctan(WIDTH / 2 / FOCAL))),
                "fov_axis": "x",
                "principal_point_offset_x": offset_x,
                "principal_point_offset_y": offset_y,
                "film": {"type": "hdrfilm", "width": WIDTH, "height": HEIGHT, "rfilter": {"type": "box"}, "pixel_format": "luminance"},
                "sampler": {"type": "independent", "sample_count": 1},
            },
            "sphere": {"type": "sphere", "center": place.tolist(), "radius": 0.1},
        }
    )
    rows, columns = np.nonzero(np.array(mitsuba.render(scene)).squeeze() > 0)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def projected(place, cx, cy):
    matrix = np.array([[FOCAL, 0, cx], [0, FOCAL, cy], [0, 0, 1]])
    to_opencv = place * [-1, -1, 1]
    return cv2.projectPoints(to_opencv[None], np.zeros(3), np.zeros(3), matrix, None)[0].ravel()


for offset_x, offset_y in ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (-0.05, 0.1)):
    cx, cy = WIDTH * (0.5 + offset_x), HEIGHT * (0.5 + offset_y)
    off = np.array([rendered(place, offset_x, offset_y) - projected(place, cx, cy) for place in PLACES])
    print(f"offset ({offset_x}, {offset_y}): rendered beside where the matrix has it by {off.mean(axis=0).round(1) + 0.0} px")
    assert np.allclose(off, [-2 * offset_x * WIDTH, -2 * offset_y * HEIGHT], atol=0.3)
    turned = (WIDTH / 2 - cx) / WIDTH, (HEIGHT / 2 - cy) / HEIGHT
    off = np.array([rendered(place, *turned) - projected(place, cx, cy) for place in PLACES])
    assert np.abs(off).max() < 0.3
on_axis = rendered(PLACES[0], 0.1, 0.1) / [WIDTH, HEIGHT]
print("on the axis with offsets of 0.1:", on_axis.round(3))
assert np.allclose(on_axis, 0.4, atol=1e-3)
PYTHON
HOME="$folder" OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: to the other side"

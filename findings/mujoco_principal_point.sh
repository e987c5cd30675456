#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# MuJoCo shows a camera's principal point on the other side of the picture's middle than it is told, and its own sensor of pixels in the middle.
#
# Guess beforehand: principalpixel of a camera moves the principal point in the direction of the picture's x (right) and y (down), as OpenCV's cx
# and cy do, for it is the "offset of the principal point (optical axis intersection with the image plane) from the image center", by
# the documentation.
# Seen (mujoco 4.0.0, the same with 3.8.0, by the frustum that is drawn with): with (32, 24) of 640 x 480 the axis is at (288, 216) instead of
# (352, 264). So x goes to the left, and y up, as its cameras' y does. To 3.5.0 it is at (288, 264), so that the same file makes another
# picture, 48 px beside, in a newer release; a change of March 2026 turned y. camprojection, the sensor of the pixel at which a site
# is seen, says (320, 240) in all of them, for it does not look at the offset. principal, in metres, is as principalpixel. Focal
# lengths are right everywhere. Nothing is raised or said.
# 32 px at f = 500 px, twice, are 7.3 degrees, by which a pose from landmarks and the calibrated matrix is turned.
# Consequence for whoever simulates a calibrated camera: give the offset's negative, in 3.6 and newer, and do without camprojection.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import sys

import mujoco
import numpy as np

print("mujoco", mujoco.__version__)
WIDTH, HEIGHT, FOCAL = 640, 480, 500
# x to the right, y up and z backwards are the axes of its cameras.
PLACES = np.array([[0.0, 0.0, -3.0], [0.3, 0.6, -3.0]])
MODEL = """<mujoco><worldbody>
<camera name="camera" resolution="640 480" focalpixel="500 500" {} sensorsize="0.0064 0.0048"/>
<site name="axis" pos="0 0 -3"/><site name="beside" pos="0.3 0.6 -3"/></worldbody>
<sensor><camprojection site="axis" camera="camera"/><camprojection site="beside" camera="camera"/></sensor></mujoco>"""


def seen(offset):
    """Pixels of the two places from the picture's upper left corner on: by the frustum to draw with, and by the sensor."""
    model = mujoco.MjModel.from_xml_string(MODEL.format(offset))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = mujoco.MjvCamera()
    camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
    scene = mujoco.MjvScene(model, 100)
    mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, mujoco.mjtCatBit.mjCAT_ALL, scene)
    frustum = scene.camera[0]
    right, up = PLACES[:, 0] / -PLACES[:, 2] * frustum.frustum_near, PLACES[:, 1] / -PLACES[:, 2] * frustum.frustum_near
    left = frustum.frustum_center - frustum.frustum_width
    across = (right - left) / (2 * frustum.frustum_width)
    down = (frustum.frustum_top - up) / (frustum.frustum_top - frustum.frustum_bottom)
    return np.column_stack([across * WIDTH, down * HEIGHT]), data.sensordata.reshape(2, 2)


def projected(cx, cy):
    return np.column_stack([cx + FOCAL * PLACES[:, 0] / -PLACES[:, 2], cy - FOCAL * PLACES[:, 1] / -PLACES[:, 2]])


in_the_middle = projected(320, 240)
expected = (288, 216) if sys.argv[1] == "new" else (288, 264)
for offset, axis in (
    ('principalpixel="0 0"', (320, 240)),
    ('principalpixel="32 24"', expected),
    ('principal="0.00032 0.00024"', expected),
    ('principalpixel="-32 0"', (352, 240)),
):
    drawn, by_sensor = seen(offset)
    print(f"{offset}: the axis is drawn at {drawn[0].round(1)}, by the sensor at {by_sensor[0].round(1)}")
    assert np.allclose(drawn, projected(*axis), atol=0.05) and np.allclose(by_sensor, in_the_middle, atol=0.05)
PYTHON
for release in old:3.5.0 new:4.0.0; do
  python3 -m venv "$folder/${release%:*}"
  "$folder/${release%:*}/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    "mujoco==${release#*:}" numpy==2.2.6
  HOME="$folder" OMP_NUM_THREADS=1 "$folder/${release%:*}/bin/python" "$folder/program.py" "${release%:*}"
done
echo "still so: on the other side"

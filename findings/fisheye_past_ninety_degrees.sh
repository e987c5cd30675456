#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a fisheye sees past 90 degrees from its axis is in front of it, as pycolmap and OpenCV have it.
#
# Guess beforehand: the lens model of Kannala and Brandt (OPENCV_FISHEYE, cv2.fisheye) is of the angle to the axis and
# knows no border at 90 degrees; drones carry lenses of 200. So cam_ray_from_img, which "supports back-facing rays of
# omnidirectional cameras" in its own words, gives rays with z below 0 there; cam_from_img, whose answer on z = 1 has no
# such rays, gives None; and projectPoints puts what lies 100 degrees to the right at the right edge, or gives NaN.
# Seen (pycolmap 4.2.1; opencv-python-headless 4.12.0.88, the same with 5.0.0.93): pycolmap returns the angle in radians
# as if it were its tangent: of a pixel 91 degrees off the axis a ray at 57.8 degrees, of one at 100 a ray at 60.2, beside
# 89.0 for 89. OpenCV's projectPoints puts a point at 91 degrees exactly where it puts the one at 89 on the other side.
# None of them says so. So camera_relocalization_ros has rays of its own, which end at 80 degrees, and projects nothing
# that is not in front.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  pycolmap==4.2.1 opencv-python-headless==4.12.0.88 "numpy<2.3"
cat >"$folder/program.py" <<'PYTHON'
import cv2
import numpy as np
import pycolmap

FOCAL, CENTRE = 300.0, 640.0
K, no_distortion = np.array([[FOCAL, 0, CENTRE], [0, FOCAL, CENTRE], [0, 0, 1]]), np.zeros(4)
camera = pycolmap.Camera(
    model="OPENCV_FISHEYE", width=1280, height=1280, params=[FOCAL, FOCAL, CENTRE, CENTRE, *no_distortion]
)


def of_pycolmap(angle_deg):
    """Angles of both rays that pycolmap has for the pixel that looks so far to the right."""
    pixel = np.array([CENTRE + FOCAL * np.radians(angle_deg), CENTRE])
    on_plane, ray = camera.cam_from_img(pixel), camera.cam_ray_from_img(pixel)
    return np.degrees([np.arctan(on_plane[0]), np.arctan2(ray[0], ray[2])])


def of_opencv(angle_deg):
    """Angle to the right of the pixel where OpenCV puts a point that lies so far to the right."""
    angle = np.radians(angle_deg)
    point = np.array([[[np.sin(angle), 0.0, np.cos(angle)]]])
    pixel, _ = cv2.fisheye.projectPoints(point, np.zeros(3), np.zeros(3), K, no_distortion)
    return np.degrees((pixel[0, 0, 0] - CENTRE) / FOCAL)


assert "back-facing rays" in pycolmap.Camera.cam_ray_from_img.__doc__
for angle_deg in (45, 89, 91, 100):
    rays, projected = of_pycolmap(angle_deg), of_opencv(angle_deg)
    print(f"{angle_deg} degrees: pycolmap's rays at {rays.round(1)}, OpenCV's pixel at {projected:.1f}")
    if angle_deg < 90:
        assert np.allclose([*rays, projected], angle_deg, atol=1e-3)
    else:
        assert np.allclose(rays, np.degrees(np.arctan(np.radians(angle_deg))), atol=1e-3)
        assert np.isclose(projected, angle_deg - 180, atol=1e-3)
PYTHON
"$folder/venv/bin/python" "$folder/program.py" 2>/dev/null
echo "still so: past 90 degrees pycolmap's rays jump to 57, and OpenCV's pixels to the other side"

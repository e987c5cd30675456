#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# image_geometry's Python takes a fisheye's coefficients for those of a pinhole.
#
# Guess beforehand: PinholeCameraModel.fromCameraInfo goes by the message's distortion_model; of "equidistant" it makes a
# fisheye or an error, for the C++ class of the same name and version makes one, and of a model that it does not know
# "Wrong distortion model. Supported models: PLUMB_BOB, RATIONAL_POLYNOMIAL and EQUIDISTANT."
# Seen (Debian 12, python3-image-geometry 1.16.2): distortion_model is read nowhere. The
# coefficients k1 to k4 of the angle are used as k1, k2, p1, p2 of plumb_bob: with a lens of f = 300 px, rectifyPoint
# of what lies 48 degrees off the axis is 83 px from where it should be, and with a model that does not exist it is the
# same number. Nothing is raised or said. So camera_relocalization_ros undistorts by functions of its own, by the name.
set -euo pipefail
version=1.16.2+ds-1
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-image-geometry 2>/dev/null | grep -qF " $version "; then
  echo "skipped: python3-image-geometry $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq "python3-image-geometry=$version" libimage-geometry1d 2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check opencv-python-headless==4.12.0.88 "numpy<2.3"
cat >program.py <<'PYTHON'
from types import SimpleNamespace

import cv2
import numpy as np
from image_geometry import PinholeCameraModel

K, COEFFICIENTS = np.array([[300.0, 0, 640], [0, 300, 640], [0, 0, 1]]), [0.01, -0.002, 0.0, 0.0]


def camera_info(model):
    """What sensor_msgs/CameraInfo holds; only names and numbers are asked for."""
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    header = SimpleNamespace(frame_id="camera", stamp=None)
    P = np.column_stack([K, np.zeros(3)])
    return SimpleNamespace(
        header=header, width=1280, height=1280, distortion_model=model, D=COEFFICIENTS, K=K.ravel().tolist(),
        R=np.eye(3).ravel().tolist(), P=P.ravel().tolist(), binning_x=0, binning_y=0, roi=roi,
    )


def rectified(model, pixel):
    camera = PinholeCameraModel()
    camera.fromCameraInfo(camera_info(model))
    return np.array(camera.rectifyPoint(pixel))


point = np.array([1.0, 0.5, 1.0])
seen, _ = cv2.fisheye.projectPoints(point.reshape(1, 1, 3), np.zeros(3), np.zeros(3), K, np.array(COEFFICIENTS))
expected = (K @ point)[:2] / point[2]
found = {model: rectified(model, seen.ravel()) for model in ("equidistant", "plumb_bob", "no such model")}
print("expected", expected, *(f"{model}: {pixel.round(1)}" for model, pixel in found.items()))
assert np.linalg.norm(found["equidistant"] - expected) > 80
assert all(np.array_equal(pixel, found["plumb_bob"]) for pixel in found.values())
PYTHON
PYTHONPATH=tools/usr/lib/python3/dist-packages venv/bin/python program.py
library=$(find tools -name 'libimage_geometry.so*' -type f)
grep -q "Wrong distortion model. Supported models: PLUMB_BOB, RATIONAL_POLYNOMIAL and EQUIDISTANT." "$library"
if grep -q "distortion_model" tools/usr/lib/python3/dist-packages/image_geometry/cameramodels.py; then exit 1; fi
echo "still so: the model's name is not asked for, and a fisheye is undistorted as a pinhole"

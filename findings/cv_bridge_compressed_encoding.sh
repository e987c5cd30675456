#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# cv_bridge's compressed_imgmsg_to_cv2 takes every compressed picture for one in colour, without alpha.
#
# Guess beforehand: desired_encoding says what comes out, as for imgmsg_to_cv2: "bgr8" gives three channels and "mono8" one,
# whether the camera is grey or in colour. compressed_image_transport makes grey JPEGs of mono8 topics and says so in `format`.
# Seen (Debian 12, python3-cv-bridge 1.16.2 with OpenCV 4.6): the picture is decoded as it is, and converted from "bgr8",
# whatever it is. Of a grey JPEG "bgr8" gives a picture with two dimensions, and "mono8" ends in OpenCV: "Invalid number of
# channels in input image: 'VScn::contains(scn)' where 'scn' is 1". Of a PNG with alpha "bgr8" gives four channels.
# The raw messages of the same pictures are converted as asked. So camera_relocalization_ros decodes compressed pictures by
# functions of its own, to three channels or one.
set -euo pipefail
version=1.16.2+ds-1+b3
if ! command -v apt-get >/dev/null || ! apt-cache madison python3-cv-bridge 2>/dev/null | grep -qF " $version "; then
  echo "skipped: python3-cv-bridge $version is not to be had by apt here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq "python3-cv-bridge=$version" libcv-bridge2d libboost-python1.74.0 libpython3.11 python3-sensor-msgs python3-rospy \
  python3-std-msgs python3-geometry-msgs python3-genpy python3-genmsg python3-roslib python3-rospkg python3-catkin \
  python3-catkin-pkg python3-yaml python3-numpy 2>/dev/null
for package in *.deb; do dpkg -x "$package" tools; done
libraries=$(find "$folder/tools" -name 'lib*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
if LD_LIBRARY_PATH="$libraries" ldd tools/usr/lib/python3/dist-packages/cv_bridge/boost/*.so | grep -q "not found"; then
  echo "skipped: the system's OpenCV 4.6, which it is built on, is not installed here"
  exit 0
fi
/usr/bin/python3 -m venv venv 2>/dev/null || python3.11 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check --target cv2only --no-deps opencv-python-headless==4.10.0.84
cat >program.py <<'PYTHON'
import cv2
import numpy as np
from cv_bridge import CvBridge
from sensor_msgs.msg import CompressedImage

bridge = CvBridge()
pictures = {
    "a grey JPEG": ("mono8", "mono8; jpeg compressed mono8", ".jpg", np.full((4, 6), 90, np.uint8)),
    "a JPEG in colour": ("bgr8", "bgr8; jpeg compressed bgr8", ".jpg", np.full((4, 6, 3), 90, np.uint8)),
    "a PNG with alpha": ("bgra8", "bgra8; png compressed bgra8", ".png", np.full((4, 6, 4), 90, np.uint8)),
}


def shape(convert, message, encoding):
    """Of the picture that comes out, or the error."""
    try:
        return convert(message, encoding).shape
    except Exception as error:
        return "Invalid number of channels" if "Invalid number of channels" in str(error) else repr(error)


seen = {}
for name, (encoding, layout, ending, picture) in pictures.items():
    compressed = CompressedImage(format=layout, data=cv2.imencode(ending, picture)[1].tobytes())
    raw = bridge.cv2_to_imgmsg(picture, encoding)
    for asked in ("bgr8", "mono8"):
        seen[name, asked] = shape(bridge.compressed_imgmsg_to_cv2, compressed, asked)
        as_raw = shape(bridge.imgmsg_to_cv2, raw, asked)
        print(f"{name}, asked for as {asked}: {seen[name, asked]}; as a raw message {as_raw}")
        assert as_raw == ((4, 6, 3) if asked == "bgr8" else (4, 6))
assert seen["a JPEG in colour", "bgr8"] == (4, 6, 3) and seen["a JPEG in colour", "mono8"] == (4, 6)
assert seen["a grey JPEG", "bgr8"] == (4, 6) and seen["a grey JPEG", "mono8"] == "Invalid number of channels"
assert seen["a PNG with alpha", "bgr8"] == (4, 6, 4)
PYTHON
env -i PATH=/usr/bin:/bin HOME="$folder" ROS_LOG_DIR="$folder" LD_LIBRARY_PATH="$libraries" \
  PYTHONPATH="$folder/tools/usr/lib/python3/dist-packages:$folder/cv2only" /usr/bin/python3 program.py
echo "still so: a grey picture comes out grey where colour was asked for"

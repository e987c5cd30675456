#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# OpenCV divides the depths of a PFM file by the number in its header that others read for its sign only.
#
# Guess beforehand: a depth or disparity map in PFM is the same array whichever library reads it, for its values are floating-point numbers as
# they are meant. The third line of the header says by its sign which byte comes first; what its size may do, if anything, it does in both.
# Seen (opencv-python-headless 4.14.0.94, the same with 5.0.0.93; Pillow 12.3.0): with -1 both are right, rows and all. With any other number
# OpenCV divides each value by its size, and Pillow leaves them: of a wall at 6 m in a file that says -0.003922 (a 255th, as for a
# display) OpenCV says 1529.83 m, of one that says -2 it says 3 m. Nothing is raised or said, and the picture that is drawn
# of such a map, stretched from its least to its greatest value, is right.
# netpbm's page of the format calls the number "scale factor", of the samples' units, and leaves open whether values are multiplied; OpenCV's
# documentation does not speak of it. The issues of both that could be searched did not either; libjxl drops the number, with a warning.
# Consequence for whoever reads depth from PFM: look at the third line first, and multiply by its size what OpenCV read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import struct

import cv2
import numpy as np
import PIL
from PIL import Image

print("OpenCV", cv2.__version__, "Pillow", PIL.__version__)
DEPTH_M = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)


def read_by_both(scale):
    """What OpenCV and Pillow make of the depths in a file with this number in its third line."""
    order = "<" if scale.startswith("-") else ">"
    numbers = DEPTH_M[::-1].ravel()  # the format's first row is the lowest
    with open("depth.pfm", "wb") as file:
        file.write(f"Pf\n3 2\n{scale}\n".encode())
        file.write(struct.pack(f"{order}{numbers.size}f", *numbers))
    return cv2.imread("depth.pfm", cv2.IMREAD_UNCHANGED), np.array(Image.open("depth.pfm"))


for scale in ("-1", "1", "-2", "-0.003922", "0.5"):
    by_opencv, by_pillow = read_by_both(scale)
    print(f"{scale}: of 6 m OpenCV says {by_opencv[1, 2]:.2f} m, Pillow {by_pillow[1, 2]:.2f} m")
    assert np.array_equal(by_pillow, DEPTH_M)
    assert np.allclose(by_opencv, DEPTH_M / abs(float(scale)), rtol=1e-6)
PYTHON
for opencv in 4.14.0.94 5.0.0.93; do
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    "opencv-python-headless==$opencv" pillow==12.3.0 numpy==2.2.6
  (cd "$folder" && OMP_NUM_THREADS=1 venv/bin/python program.py)
  rm -rf "$folder/venv"
done
echo "still so: divided by the header's number"

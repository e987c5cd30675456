#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# rosbags-image skews a picture whose rows are padded, without a word.
#
# Guess beforehand: message_to_cvimage goes from row to row by the message's `step`, for sensor_msgs/Image defines that as
# the "full row length in bytes", and drivers whose rows are aligned to 4, 16 or 64 bytes send more than width x channels.
# Seen (rosbags-image 0.10.4, rosbags 0.11.9): `step` is not looked at. The first height x width x channels bytes become
# the picture, so that each row begins where the padding of the row before lies; a line down the picture leans, and the
# last rows are missing. Nothing is raised, and the picture has the right size.
# So camera_relocalization_ros cuts the rows itself, by `step`, before anything reads them as pixels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  rosbags-image==0.10.4 rosbags==0.11.9 opencv-python-headless==4.12.0.88 "numpy<2.3"
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
from rosbags.image import message_to_cvimage
from rosbags.typesys import Stores, get_typestore

WIDTH, HEIGHT, LINE = 61, 40, 30
types = get_typestore(Stores.ROS1_NOETIC).types
stamp = types["builtin_interfaces/msg/Time"](0, 0)
header = types["std_msgs/msg/Header"](seq=0, stamp=stamp, frame_id="camera")


def message(encoding, channels, alignment):
    """A black picture with a white line of one pixel straight down; each row takes a multiple of `alignment` bytes."""
    step = -(-WIDTH * channels // alignment) * alignment
    rows = np.zeros((HEIGHT, step), np.uint8)
    rows[:, LINE * channels : (LINE + 1) * channels] = 255
    return types["sensor_msgs/msg/Image"](
        header=header, height=HEIGHT, width=WIDTH, encoding=encoding, is_bigendian=0, step=step, data=rows.ravel()
    )


def line_columns(encoding, channels, alignment):
    """The columns in which the line is seen in the first, second and tenth row."""
    picture = message_to_cvimage(message(encoding, channels, alignment)).reshape(HEIGHT, WIDTH, channels)
    return [np.flatnonzero(picture[row, :, 0] == 255).tolist() for row in (0, 1, 9)]


for encoding, channels in (("mono8", 1), ("rgba8", 4)):
    for alignment in (1, 64):
        print(encoding, f"rows of a multiple of {alignment} bytes:", line_columns(encoding, channels, alignment))
assert line_columns("mono8", 1, 1) == line_columns("rgba8", 4, 1) == [[LINE]] * 3
# 61 bytes in 64: three pixels further with each row; 244 in 256: the same three
assert line_columns("mono8", 1, 64) == line_columns("rgba8", 4, 64) == [[LINE], [LINE + 3], [LINE + 27]]
PYTHON
"$folder/venv/bin/python" "$folder/program.py"
echo "still so: the padding of each row shifts all rows below it"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# imageio's ffmpeg plugin makes frames up, and leaves others out, where a video's frames do not come at one rate.
#
# Guess beforehand: imiter(..., plugin="FFMPEG") gives the frames that are in the file, each once, as plugin="pyav" does;
# what it cannot tell is when each was taken. Telephones and drones write videos whose rate varies with the light.
# Seen (imageio 2.38.1 with imageio-ffmpeg 0.8.1): of 15 frames it makes 16 at the mean rate, which its metadata calls the
# frame rate. Where the camera paused one frame is there four times, and three where it was quick are left out. PyAV and
# OpenCV (4.11.0.86) read all 15, each once. The number is nearly right, so a count hides it.
# So who gives the n-th frame of imageio the n-th pose of a log gives it that of another image, and copies look like
# hovering. camera_relocalization_ros reads videos with PyAV, by the stamps of their frames.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  imageio==2.38.1 imageio-ffmpeg==0.8.1 av==18.1.0 opencv-python-headless==4.11.0.86 "numpy<2.3"
cat >"$folder/program.py" <<'PYTHON'
from collections import Counter
from fractions import Fraction

import av
import cv2
import imageio.v3 as imageio
import numpy as np

STAMPS_MS = [0, 33, 66, 100, 133, 400, 700, 733, 766, 1000, 1015, 1030, 1045, 1060, 1200]
STEP = 16

with av.open("made.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    for number, stamp in enumerate(STAMPS_MS):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * STEP, np.uint8), format="rgb24")
        frame.pts, frame.time_base = stamp, Fraction(1, 1000)
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def by_opencv():
    capture = cv2.VideoCapture("made.mp4")
    while (read := capture.read())[0]:
        yield read[1]


def numbers(frames):
    return [round(float(frame.mean()) / STEP) for frame in frames]


with av.open("made.mp4") as file:
    assert [round(1000 * frame.time) for frame in file.decode(video=0)] == STAMPS_MS
seen = {
    "pyav": numbers(imageio.imiter("made.mp4", plugin="pyav")),
    "OpenCV": numbers(by_opencv()),
    "FFMPEG": numbers(imageio.imiter("made.mp4", plugin="FFMPEG")),
}
for name, frames in seen.items():
    print(name, len(frames), frames)
print(imageio.immeta("made.mp4", plugin="FFMPEG")["fps"], "frames a second")
assert seen["pyav"] == seen["OpenCV"] == list(range(len(STAMPS_MS)))
times = Counter(seen["FFMPEG"])
assert max(times.values()) > 2 and len(times) < len(STAMPS_MS) - 2, times
PYTHON
cd "$folder"
OMP_NUM_THREADS=1 venv/bin/python program.py
echo "still so: frames that are not in the video, and others left out"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ezc3d drops what a motion capture has beyond 65,535 frames, and adds frames to one that the library c3d wrote.
#
# Guess beforehand: a capture of 70,000 frames (under four minutes at 300 Hz) comes back from a C3D file as it was. The
# header counts frames in 16 bits, and the parameters TRIAL:ACTUAL_END_FIELD and POINT:FRAMES are there for more; a
# library that does not write them refuses to write so many.
# Seen (ezc3d 1.7.2, c3d 0.6.0): ezc3d writes 70,000 frames and reads 65,535 back, without a word; 15 seconds are gone.
# Of a file by c3d, which c3d itself reads right, it reads 70,016 frames: it counts by the file's length, and takes the
# 256 bytes that fill the last block of 512 for sixteen frames with the marker at the origin.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check ezc3d==1.7.2 c3d==0.6.0 "numpy<2.5"
cd "$folder"
cat >program.py <<'PYTHON'
import warnings

import c3d
import ezc3d
import numpy as np

RATE_HZ = 300
warnings.simplefilter("ignore")


def x_of(frames):
    return 1.0 + 0.1 * np.arange(frames)


def written_by_ezc3d(frames):
    capture = ezc3d.c3d()
    capture["parameters"]["POINT"]["RATE"]["value"] = [RATE_HZ]
    capture["parameters"]["POINT"]["LABELS"]["value"] = ("drone",)
    points = np.ones((4, 1, frames))
    points[0, 0] = x_of(frames)
    capture["data"]["points"] = points
    capture.write("made.c3d")


def written_by_c3d(frames):
    writer = c3d.Writer(point_rate=RATE_HZ, analog_rate=RATE_HZ)
    writer.set_point_labels(["drone"])
    writer.add_frames([(np.array([[x, 1.0, 1.0, 0.0, 0.0]]), np.zeros((0, 1))) for x in x_of(frames)])
    with open("made.c3d", "wb") as file:
        writer.write(file)


def read_by_ezc3d():
    return ezc3d.c3d("made.c3d")["data"]["points"][0, 0]


def read_by_c3d():
    with open("made.c3d", "rb") as file:
        return np.array([points[0, 0] for _, points, _ in c3d.Reader(file).read_frames()])


seen = {}
for frames in (60_000, 70_000):
    for write, read in ((written_by_ezc3d, read_by_ezc3d), (written_by_c3d, read_by_c3d), (written_by_c3d, read_by_ezc3d)):
        write(frames)
        x = read()
        seen[frames, write, read] = x
        same = min(len(x), frames)
        print(f"{frames} frames {write.__name__}, {read.__name__}: {len(x)}, the last at x = {x[-1]:.1f}")
        assert np.allclose(x[:same], x_of(frames)[:same], atol=0.01)
        assert frames == 70_000 or len(x) == frames
assert len(seen[70_000, written_by_c3d, read_by_c3d]) == 70_000
assert len(seen[70_000, written_by_ezc3d, read_by_ezc3d]) == 65_535
added = seen[70_000, written_by_c3d, read_by_ezc3d]
assert len(added) == 70_016 and not added[70_000:].any()
PYTHON
venv/bin/python program.py
echo "still so: long captures lose their end, or get one that was not captured"

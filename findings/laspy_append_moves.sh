#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# laspy moves the points of a scan that it appends to another, which it does not where it writes both into a new file.
#
# Guess beforehand: laspy.open(file, "a").append_points(points) adds points where they are, whatever scales and offsets the two files
# store them by, as LasWriter.write_points does ("points will automatically re-scaled", by its docstring), or it raises;
# its own docstring asks for "the same point format" and no more. Points that read gives know their scales and offsets.
# Seen (laspy 2.7.0): the stored whole numbers are copied. Of two tiles of a site, each with its own corner for an offset, the
# second lies on the first after it was appended, 1000 m from its place; one with a scale of 0.01 m, appended to one with 0.001 m, is
# a tenth of its size. write_points puts both where they are. Nothing is raised or said; issues of 2021 and 2023 about it are
# closed, and after one of 2024 write_points alone was mended.
# Consequence for whoever makes a map, or a mesh to render views of, from laser scans in tiles: write the tiles anew, or
# call change_scaling with the scales and offsets of the file first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check laspy==2.7.0 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import laspy
import numpy as np

np.set_printoptions(suppress=True)
TILES = {"first": (465_000.0, 0.001), "east": (466_000.0, 0.001), "coarse": (465_000.0, 0.01)}


def make(name):
    corner, scale = TILES[name]
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.offsets, header.scales = np.array([corner, 5_247_000.0, 400.0]), np.full(3, scale)
    tile = laspy.LasData(header)
    tile.xyz = np.array([[corner + 10, 5_247_020, 405], [corner + 30, 5_247_040, 410]])
    tile.write(f"{name}.las")
    return laspy.read(f"{name}.las")


print("laspy", laspy.__version__)
for name in ("east", "coarse"):
    first, second = make("first"), make(name)
    both = np.vstack([first.xyz, second.xyz])
    with laspy.open("new.las", "w", header=first.header) as file:
        file.write_points(first.points)
        file.write_points(second.points)
    assert np.allclose(laspy.read("new.las").xyz, both, rtol=0, atol=1e-6)
    with laspy.open("first.las", "a") as file:
        file.append_points(second.points)
    appended = laspy.read("first.las")
    print(f"{name}: {second.xyz[1]} became {appended.xyz[3]}")
    if name == "east":
        expected = second.xyz - [1000, 0, 0]
    else:
        corner = first.header.offsets
        expected = corner + (second.xyz - corner) * 0.1
    assert np.allclose(appended.xyz, np.vstack([first.xyz, expected]), rtol=0, atol=1e-6)

    make("first")
    with laspy.open("first.las", "a") as file:
        second.change_scaling(scales=file.header.scales, offsets=file.header.offsets)
        file.append_points(second.points)
    assert np.allclose(laspy.read("first.las").xyz, both, rtol=0, atol=1e-6)
assert "scale" not in laspy.lasappender.LasAppender.append_points.__doc__
assert "re-scaled" in laspy.LasWriter.write_points.__doc__
PYTHON
cd "$folder"
OMP_NUM_THREADS=1 "$folder/venv/bin/python" program.py
echo "still so: appended points move"

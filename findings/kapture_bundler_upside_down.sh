#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# kapture imports Bundler's keypoints upside down.
#
# Guess beforehand: projecting the imported points by the imported cameras and poses gives the imported keypoints, in pixels from the upper left
# corner as in the rest of kapture, to a tenth of a pixel: of a bundle.out, whose cameras look along -z with y up and whose keypoints
# count from the middle, with a distortion of any sign.
# Seen (kapture 1.1.12): points, poses and cameras fit each other (the whole world is turned by half a turn about x), the keypoints do not. Half of the
# picture's size is added to both numbers, and the y that points up in Bundler's files is kept, so that each lies as far above the
# middle as it should below: up to 305 px off in a picture of 640 x 480. Points and observations are there in full, and nothing is
# raised or said; an issue of 2021 mended that y was taken for x.
# Bundler's format is that of Dubrovnik6K and Rome16K, and Aachen and CMU Seasons come in it too.
# Consequence for whoever localizes in such a model by descriptors at its keypoints, or triangulates anew: turn y after the import, and
# project one point to see.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  kapture==1.1.12 numpy-quaternion==2024.0.13 scipy==1.17.1 pillow==13.0.0 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import kapture
import numpy as np
from kapture.io.csv import kapture_from_dir
from kapture.io.features import get_keypoints_fullpath, image_keypoints_from_file
from PIL import Image
from scipy.spatial.transform import Rotation

folder = Path(sys.argv[1])
tools = Path(sys.executable).parent
WIDTH, HEIGHT, FOCAL, RADIAL = 640, 480, 500.0, -0.05
MIDDLE = np.array([WIDTH / 2, HEIGHT / 2])
rng = np.random.default_rng(0)
points = rng.uniform([-2, -1.5, 8], [2, 1.5, 12], (12, 3))
poses = [(Rotation.from_rotvec(0.1 * rng.normal(size=3)), 0.5 * rng.normal(size=3)) for _ in range(3)]
names = [f"image{k}.jpg" for k in range(3)]


def from_middle(pose, places):
    """Pixels from the picture's middle, x to the right and y down; Bundler's radial distortion."""
    rotation, translation = pose
    in_camera = rotation.apply(places) + translation
    assert (in_camera[:, 2] > 0).all()
    flat = in_camera[:, :2] / in_camera[:, 2:]
    return FOCAL * flat * (1 + RADIAL * (flat**2).sum(axis=1, keepdims=True))


def text(numbers):
    return " ".join(repr(float(number)) for number in np.ravel(numbers))


def write_bundle(path):
    turn = np.diag([1.0, -1.0, -1.0])
    lines = ["# Bundle file v0.3", f"{len(poses)} {len(points)}"]
    for rotation, translation in poses:
        lines += [text([FOCAL, RADIAL, 0]), *map(text, turn @ rotation.as_matrix()), text(turn @ translation)]
    seen = [from_middle(pose, points) * [1, -1] for pose in poses]
    for j, point in enumerate(points):
        lines += [text(point), "10 20 30", f"{len(poses)} " + " ".join(f"{k} {j} {text(seen[k][j])}" for k in range(len(poses)))]
    path.write_text("\n".join(lines) + "\n")


def imported(tool, *arguments):
    """Of each image the projections by what was imported, and the keypoints, in pixels; both in the points' order."""
    output = folder / tool
    subprocess.run(
        [tools / tool, *arguments, "-im", folder, "-o", output, "-f", "--image_transfer", "skip", "--add-reconstruction"], check=True
    )
    data = kapture_from_dir(str(output))
    (kind,) = data.keypoints
    places = data.points3d.as_array()[:, :3]
    assert np.allclose(places, points * [1, -1, -1], atol=1e-6)
    for timestamp, camera, name in kapture.flatten(data.records_camera, is_sorted=True):
        model, *numbers = data.sensors[camera].sensor_params
        width, height, focal, cx, cy, radial = map(float, numbers[:6])
        assert "RADIAL" in model and (width, height) == (WIDTH, HEIGHT)
        in_camera = data.trajectories[timestamp, camera].transform_points(places)
        flat = in_camera[:, :2] / in_camera[:, 2:]
        pixels = focal * flat * (1 + radial * (flat**2).sum(axis=1, keepdims=True)) + [cx, cy]
        path = get_keypoints_fullpath(kind, str(output), name)
        keypoints = image_keypoints_from_file(path, data.keypoints[kind].dtype, data.keypoints[kind].dsize)[:, :2]
        index = [dict(data.observations[j, kind])[name] for j in range(len(points))]
        yield pixels, keypoints[index]


for name in names:
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / name)
(folder / "list.txt").write_text("\n".join(names) + "\n")
write_bundle(folder / "bundle.out")

off = []
for pose, (pixels, keypoints) in zip(poses, imported("kapture_import_bundler", "-i", folder / "bundle.out", "-l", folder / "list.txt")):
    assert np.allclose(pixels, from_middle(pose, points) + MIDDLE, atol=1e-3)
    assert np.allclose(keypoints, [0, HEIGHT] + pixels * [1, -1], atol=1e-2)
    off.append(np.abs(keypoints - pixels))
print("bundle.out: keypoints off in x and y, px, at most:", np.concatenate(off).max(axis=0).round(1))
assert np.concatenate(off)[:, 1].max() > 100
PYTHON
HOME="$folder" MPLBACKEND=agg OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore "$folder/program.py" "$folder"
echo "still so: upside down"

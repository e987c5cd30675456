#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pytheia writes a lens' first coefficient into COLMAP's model a second time, in place of its second.
#
# Guess beforehand: WriteColmapFiles writes a reconstruction of cameras with two radial coefficients, Theia's ordinary model, as COLMAP's RADIAL,
# which has the same formula, so that each point projects where it was seen; what COLMAP's model cannot hold (pixels that are not square)
# is refused as lenses of other kinds are: "COLMAP doesn't support FOV or fisheye cameras".
# Seen (pytheia 1.2.1; pycolmap 4.2.1 reads the model): poses, points, focal length and principal point are right. Of k1 = -0.28 and k2 = 0.11
# the file has "-0.28 -0.28", and points towards the corners of a picture of 640 x 480 are up to 57.7 px from where they were seen; of k1 = -0.28
# alone it has the same, 41.4 px off. Pixels that are 5 % higher than wide are written as square ones, up to 11.4 px off. All return
# True without a word. WriteNerfStudio of the same cameras has fl_y, k1 and k2 right. No issue of it was found.
# Consequence for whoever takes a map from Theia to COLMAP: put the second coefficient into cameras.txt by hand, and fy by OPENCV's model.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  pytheia==1.2.1 pycolmap==4.2.1 scipy==1.17.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import json
from pathlib import Path

import numpy as np
import pycolmap
import pytheia
from scipy.spatial.transform import Rotation

SFM, WIDTH, HEIGHT, FOCAL, CX, CY = pytheia.sfm, 640, 480, 500.0, 331.0, 236.0
POINTS = np.random.default_rng(0).uniform([-3, -2.2, -0.3], [3, 2.2, 0.3], (200, 3))


def prior(radial, aspect):
    camera = SFM.CameraIntrinsicsPrior()
    camera.camera_intrinsics_model_type = "PINHOLE"
    camera.image_width, camera.image_height = WIDTH, HEIGHT
    for part, value in (
        (camera.focal_length, [FOCAL]),
        (camera.principal_point, [CX, CY]),
        (camera.aspect_ratio, [aspect]),
        (camera.radial_distortion, [*radial, 0.0, 0.0]),
    ):
        part.value, part.is_set = value, True
    return camera


def reconstruction(radial, aspect):
    """Two cameras 5 m above the points that look down, with all that falls into their pictures."""
    made, lens = SFM.Reconstruction(), prior(radial, aspect)
    for index in range(2):
        view = made.MutableView(made.AddView(f"{index}.jpg", 0, float(index)))
        view.SetIsEstimated(True)
        view.SetCameraIntrinsicsPrior(lens)
        camera = view.MutableCamera()
        camera.SetFromCameraIntrinsicsPriors(lens)
        camera.SetOrientationFromRotationMatrix(Rotation.from_euler("ZYX", [5 * index, 4, 178], degrees=True).as_matrix())
        camera.SetPosition(np.array([0.3 * index, 0.1, 5.0]))
    for point in POINTS:
        homogeneous = np.append(point, 1)
        pixels = [made.View(view).Camera().ProjectPoint(homogeneous)[1] for view in made.ViewIds()]
        if not all(0 < u < WIDTH and 0 < v < HEIGHT for u, v in pixels):
            continue
        track = made.AddTrack()
        made.MutableTrack(track).SetPoint(homogeneous)
        made.MutableTrack(track).SetIsEstimated(True)
        for view, pixel in zip(made.ViewIds(), pixels):
            made.AddObservation(view, track, SFM.Feature(pixel))
    return made


def off_px(folder):
    """How far each point of COLMAP's model is from where it was seen, at most."""
    model = pycolmap.Reconstruction(str(folder))
    off = []
    for image in model.images.values():
        for point2d in image.points2D:
            point = model.points3D[point2d.point3D_id]
            off.append(np.linalg.norm(image.project_point(point.xyz) - point2d.xy))
    assert len(off) > 100
    return float(np.max(off))


seen = {}
for name, radial, aspect in (("pinhole", [0, 0], 1), ("k1", [-0.28, 0], 1), ("k1, k2", [-0.28, 0.11], 1), ("high pixels", [0, 0], 1.05)):
    made = reconstruction(radial, aspect)
    folder = Path(name)
    folder.mkdir()
    assert pytheia.io.WriteColmapFiles(made, str(folder))
    assert pytheia.io.WriteNerfStudio("images", made, 16, f"{name}.json")
    frame = json.loads(Path(f"{name}.json").read_text())["frames"][0]
    assert np.allclose([frame["k1"], frame["k2"], frame["fl_y"]], [*radial, FOCAL * aspect])
    written = (folder / "cameras.txt").read_text().strip()
    seen[name] = round(off_px(folder), 1)
    print(f"{name}: {written} | off by up to {seen[name]} px")
    assert np.allclose([float(number) for number in written.split()[4:]], [FOCAL, CX, CY, radial[0], radial[0]])
assert seen["pinhole"] == 0
assert seen["k1"] > 10
assert seen["k1, k2"] > 10
assert seen["high pixels"] > 5
PYTHON
(cd "$folder" && OMP_NUM_THREADS=1 venv/bin/python program.py)
echo "still so: the first coefficient twice"

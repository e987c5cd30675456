#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# scikit-image's similarity in three dimensions has its scale in its rotation, and takes Euler angles in another order than it says.
#
# Guess beforehand: SimilarityTransform's scale, rotation and translation are its three parts, "applied in the following order: scale,
# rotation, translation", by its docstring, in three dimensions as in two, so that scale * rotation @ x + translation is what the transform
# makes of x. And three angles for `rotation`, "given in ZYX Euler angles", are SciPy's "ZYX": heading, pitch and roll.
# Seen (scikit-image 0.26.0; SciPy 1.17.1 for comparison): in two dimensions all is so. In three, rotation is the matrix times the scale:
# of a model of structure from motion that is aligned with a survey, 2.5 m to a unit, its determinant is 15.6, and a camera that is put there by the
# three parts lies up to 23 m from where the transform itself puts it. Angles are taken as x, y and z: of a heading of 60 degrees, a pitch of 20
# and a roll of 10 the rotation is 71 degrees off; it is SciPy's "XYZ". The whole transform, which from_estimate finds, is right,
# and so are scale and translation. Nothing is raised or said; an issue of 2022 about these properties was closed by what is there now.
# Consequence for whoever aligns a map by it, with ransac or without: use the matrix, and take the scale off its rotation.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  scikit-image==0.26.0 scipy==1.17.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
import skimage
from scipy.spatial.transform import Rotation
from skimage.transform import SimilarityTransform

print("scikit-image", skimage.__version__)
rng = np.random.default_rng(0)
SCALE = 2.5

angle = 0.5
flat = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
sides = rng.uniform(-4, 4, (20, 2))
in_plane = SimilarityTransform.from_estimate(sides, SCALE * sides @ flat.T + [1, 2])
assert np.isclose(in_plane.scale, SCALE) and np.isclose(in_plane.rotation, angle)

R = Rotation.from_euler("ZYX", [60, 20, 10], degrees=True)
cameras = rng.uniform(-4, 4, (20, 3))
surveyed = SCALE * R.apply(cameras) + [10, 20, 30]
aligned = SimilarityTransform.from_estimate(cameras, surveyed)
assert np.allclose(aligned(cameras), surveyed)
assert np.isclose(aligned.scale, SCALE) and np.allclose(aligned.translation, [10, 20, 30])
by_parts = aligned.scale * cameras @ aligned.rotation.T + aligned.translation
off = np.linalg.norm(by_parts - surveyed, axis=1)
print(f"determinant of the rotation {np.linalg.det(aligned.rotation):.2f}, by the parts up to {off.max():.1f} m off")
assert np.allclose(aligned.rotation, SCALE * R.as_matrix()) and off.max() > 10
assert np.allclose(cameras @ aligned.rotation.T + aligned.translation, surveyed)

given = SimilarityTransform(scale=1, rotation=np.radians([60, 20, 10]), dimensionality=3)
found = Rotation.from_matrix(given.params[:3, :3])
off_deg = np.degrees((found * R.inv()).magnitude())
print(f"heading, pitch and roll of 60, 20 and 10 degrees: {off_deg:.1f} degrees off")
assert (found * Rotation.from_euler("XYZ", [60, 20, 10], degrees=True).inv()).magnitude() < 1e-9 and off_deg > 40
said = " ".join(SimilarityTransform.__doc__.split())
assert "1. Scale; 2. Rotation; 3. Translation." in said and "given in ZYX Euler angles" in said
PYTHON
HOME="$folder" OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: the rotation has the scale"

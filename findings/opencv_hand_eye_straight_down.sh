#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# OpenCV's hand-eye calibration, as it is by default, does not find a camera that looks straight down.
#
# Guess beforehand: calibrateHandEye finds the mount of a camera, exactly from exact motions, whichever way the camera looks
# and by whichever method; what it needs is "2 motions with non parallel rotation axes", by its documentation. With errors
# in the motions its five methods are about as exact as each other.
# Seen (opencv-python-headless 4.14.0.94): of a camera that looks forwards all five find it. That a body's axes (forwards,
# left, up) become those of a camera which looks down (right, backwards, down) takes half a turn, and at half a turn what
# the default CALIB_HAND_EYE_TSAI solves for is infinite. From twenty exact motions its answer is half a turn off, and with
# errors of 0.2 degrees, of twenty draws, 4.6 degrees in the median and 112 at most, where the others are 0.1 off. A degree
# beside straight down it is still three times as far off as they are. Nothing is raised or said, and all is finite.
# Consequence for whoever calibrates a downward camera against motion capture: choose another method, as CALIB_HAND_EYE_PARK.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  opencv-python-headless==4.14.0.94 scipy==1.17.1 "numpy<2.5"
cat >"$folder/program.py" <<'PYTHON'
import cv2
import numpy as np
from scipy.spatial.transform import Rotation

METHODS = ("TSAI", "PARK", "HORAUD", "ANDREFF", "DANIILIDIS")
# columns: the camera's right, down and forward in a body with axes forwards, left, up
MOUNTS = {"forwards": [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], "down": [[0, -1, 0], [-1, 0, 0], [0, 0, -1]]}


def transform(rotation, position):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation.as_matrix(), position
    return matrix


def errors_deg(mount, seed, error_deg):
    """How far each method's rotation of the camera in the body is from the mount, of twenty poses."""
    drawn = np.random.default_rng(seed)
    body_camera = transform(mount, [0.1, 0.02, -0.05])
    world_target = transform(Rotation.from_euler("xyz", [20, -40, 100], degrees=True), [2, 1, 0])
    bodies, targets = [], []
    for _ in range(20):
        turn = Rotation.from_rotvec(np.radians(40) * drawn.uniform(-1, 1, 3))
        world_body = transform(turn, drawn.uniform(-1, 1, 3))
        seen = np.linalg.inv(world_body @ body_camera) @ world_target
        bodies.append(world_body)
        targets.append(seen @ transform(Rotation.from_rotvec(np.radians(error_deg) * drawn.normal(size=3)), np.zeros(3)))
    motions = [matrix[part] for matrices in (bodies, targets) for part in (np.s_[:3, :3], np.s_[:3, 3]) for matrix in matrices]
    arguments = [motions[first : first + 20] for first in range(0, 80, 20)]
    found = []
    for method in METHODS:
        rotation, position = cv2.calibrateHandEye(*arguments, method=getattr(cv2, f"CALIB_HAND_EYE_{method}"))
        assert np.isfinite(rotation).all() and np.isfinite(position).all()
        found.append(np.degrees((mount.inv() * Rotation.from_matrix(rotation)).magnitude()))
    return found


def medians(name, tilt_deg, error_deg, draws):
    """Of the default method, and of the worst of the others; and the worst draw of the default method."""
    mount = Rotation.from_matrix(MOUNTS[name]) * Rotation.from_euler("x", tilt_deg, degrees=True)
    found = np.array([errors_deg(mount, seed, error_deg) for seed in range(draws)])
    tsai, *others = np.median(found, axis=0)
    print(f"{name}, {tilt_deg} deg beside it, errors of {error_deg} deg: TSAI {tsai:.2f}, at most {found[:, 0].max():.0f},"
          f" others {max(others):.2f} deg")
    return tsai, max(others), found[:, 0].max()


assert max(medians("forwards", 0, 0, 5)[:2]) < 1e-3
tsai, others, _ = medians("down", 0, 0, 5)
assert tsai > 170 and others < 1e-3
tsai, others, _ = medians("forwards", 0, 0.2, 20)
assert max(tsai, others) < 0.3
tsai, others, worst = medians("down", 0, 0.2, 20)
assert 2 < tsai < 8 and worst > 30 and others < 0.3
tsai, others, _ = medians("down", 1, 0.2, 20)
assert 2 * others < tsai < 1
PYTHON
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: TSAI does not find a camera that looks straight down"

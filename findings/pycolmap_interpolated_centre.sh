#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pycolmap's pose between two poses of a camera that turns on the spot is somewhere else.
#
# Guess beforehand: interpolate_camera_poses(cam1_from_world, cam2_from_world, t), "Linearly interpolate camera pose" in
# COLMAP's header, gives a camera whose centre is on the line between the two centres, and which stays where it is if both
# centres are the same; it does not hang on where the world's origin is.
# Seen (pycolmap 4.2.1): what is interpolated linearly is the translation of cam_from_world, which is no position but that
# of the world's origin in the turning camera. A camera that hovers 100 m from the origin and turns by 10 degrees is
# 0.38 m nearer to the origin in the middle, by 60 degrees 13.4 m; at the origin it stays. Rigid3d.interpolate does the
# same; of the inverses, which are poses of the camera in the world, it is right. Nothing is raised or said.
# Consequence for whoever fills poses in between frames of a COLMAP model: interpolate the inverses.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check pycolmap==4.2.1 "numpy<2.5"
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
import pycolmap


def camera(centre, turned_deg):
    """cam_from_world of a camera at a place, turned about the world's z axis."""
    half = np.radians(turned_deg) / 2
    rotation = pycolmap.Rotation3d(np.array([0, 0, np.sin(half), np.cos(half)]))
    return pycolmap.Rigid3d(rotation, -(rotation.matrix() @ np.asarray(centre, dtype=float)))


def centre(cam_from_world):
    return cam_from_world.inverse().translation


def off_m(interpolate, first, second, turned_deg):
    """How far the camera in the middle is from the middle of the centres."""
    middle = interpolate(camera(first, 0), camera(second, turned_deg), 0.5)
    assert np.isclose(np.degrees(middle.rotation.angle()), turned_deg / 2)
    return float(np.linalg.norm(centre(middle) - np.mean([first, second], axis=0)))


def by_inverses(first, second, share):
    return pycolmap.Rigid3d.interpolate(first.inverse(), second.inverse(), share).inverse()


HERE, FAR, BESIDE = (0, 0, 0), (100, 0, 0), (100, 2, 0)
for name, interpolate in (("interpolate_camera_poses", pycolmap.interpolate_camera_poses), ("Rigid3d", pycolmap.Rigid3d.interpolate)):
    at_origin = off_m(interpolate, HERE, HERE, 60)
    far = [round(off_m(interpolate, FAR, FAR, turned), 2) for turned in (0, 10, 60)]
    print(f"{name}: {at_origin} m off at the origin; 100 m from it {far} m after 0, 10, 60 degrees")
    assert at_origin == 0
    assert far == [0, 0.38, 13.4]
    assert off_m(interpolate, FAR, BESIDE, 60) > 13
for second in (FAR, BESIDE):
    assert off_m(by_inverses, FAR, second, 60) < 1e-9
PYTHON
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: a camera that turns on the spot is elsewhere in between"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# USD's camera between two poses of it shrinks, so that its picture is squeezed and its position of a landmark is metres off.
#
# Guess beforehand: a camera whose pose is written as a matrix some seconds apart is a rigid camera in between too, turned by about half; so
# it is where the pose is written as a quaternion (orient) or as angles (rotateXYZ), and UsdGeom.Camera.GetCamera(time) returns one of the same
# view for all three. A landmark's position in the camera is as far away as in the world.
# Seen (usd-core 26.11): with orient and rotateXYZ it is so. With xformOp:transform the sixteen numbers are interpolated each by itself: between
# two headings 30 degrees apart the axes in the plane of turning are 0.966 long and the third is 1, so that a landmark 10 m ahead and 2 m up is
# 10.35 m ahead and 2 m up in the camera, 3.4 px lower at f = 500 px; with 90 degrees it is 14.1 m ahead and 29.3 px lower. A quarter of the way
# of 90 degrees the camera has turned by 18.4 degrees instead of 22.5. With headings of 350 and 10 degrees it still turns through north,
# where rotateXYZ turns through south, the long way. frustum's view is of the matrix made orthogonal, and so is rigid.
# USD's documentation lists matrices among the types that are interpolated linearly, and quaternions too; what a camera is then it does not say.
# Consequence for whoever writes a flight's poses to USD: translate and orient, or a matrix for each image's own time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check usd-core==26.11 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
from pxr import Gf, Usd, UsdGeom

print("USD", *Usd.GetVersion())
FOCAL, UP = 500.0, Gf.Vec3d(0, 1, 0)


def camera_of(kind, headings_deg):
    """A stage and its camera, which turns about the vertical from second 0 to second 10."""
    stage = Usd.Stage.CreateInMemory()
    camera = UsdGeom.Camera.Define(stage, "/camera")
    operation = {"matrix": camera.AddTransformOp, "orient": camera.AddOrientOp, "angles": camera.AddRotateXYZOp}[kind]()
    for time, heading in zip((0, 10), headings_deg):
        rotation = Gf.Rotation(UP, heading)
        if kind == "matrix":
            operation.Set(Gf.Matrix4d().SetRotate(rotation), time)
        elif kind == "orient":
            operation.Set(Gf.Quatf(rotation.GetQuat()), time)
        else:
            operation.Set(Gf.Vec3f(0, heading, 0), time)
    return stage, camera


def landmark_in(kind, headings_deg, heading_deg):
    """Where a landmark 10 m ahead and 2 m up of a camera with this heading is in the camera at second 5, and in frustum's."""
    stage, camera = camera_of(kind, headings_deg)
    landmark = Gf.Rotation(UP, heading_deg).TransformDir(Gf.Vec3d(0, 2, -10))
    view = camera.GetCamera(5)
    in_frustum = view.frustum.ComputeViewMatrix().Transform(landmark)
    return np.array(view.transform.GetInverse().Transform(landmark)), np.array(in_frustum)


def turned_deg(kind, time):
    stage, camera = camera_of(kind, (0, 90))
    return camera.GetCamera(time).frustum.rotation.GetAngle()


for apart, ahead, lower_px in ((10, 10.04, 0.4), (30, 10.35, 3.4), (90, 14.14, 29.3)):
    for kind in ("matrix", "orient", "angles"):
        place, in_frustum = landmark_in(kind, (0, apart), apart / 2)
        lower = FOCAL * (0.2 - place[1] / -place[2])
        print(f"{apart} degrees apart, {kind}: {-place[2]:.2f} m ahead, {place[1]:.2f} m up, {lower:.1f} px lower")
        assert np.allclose(in_frustum, [0, 2, -10], atol=1e-4)
        expected = (ahead, lower_px) if kind == "matrix" else (10, 0)
        assert np.allclose([-place[2], lower], expected, atol=0.05)
print("of 90 degrees after a quarter:", {kind: round(turned_deg(kind, 2.5), 1) for kind in ("matrix", "orient", "angles")})
assert np.isclose(turned_deg("matrix", 2.5), 18.43, atol=0.01)
assert np.isclose(turned_deg("orient", 2.5), 22.5, atol=0.01)
assert np.isclose(turned_deg("angles", 2.5), 22.5, atol=0.01)
for kind, heading in (("matrix", 0), ("orient", 0), ("angles", 180)):
    assert np.allclose(landmark_in(kind, (350, 10), heading)[1], [0, 2, -10], atol=1e-4)
PYTHON
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py"
echo "still so: squeezed"

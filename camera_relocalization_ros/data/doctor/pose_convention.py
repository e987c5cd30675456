# SPDX-License-Identifier: BSD-3-Clause
"""Which convention the axes of recorded poses follow, by the turns that images show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.vision.visual_rotation import RotationPairs

MIN_PAIRS = 20
# the smallest typical turn between two images that can tell one convention from another
MIN_TURN_RAD = np.radians(0.7)
R_OPENGL = np.diag([1.0, -1.0, -1.0])
# an optical frame in a body's, whose x points forwards, y to the left and z up (REP 103)
R_BODY_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
# from the axes of game engines, x to the right, y up, z forwards, and back
MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class AxesVerdict:
    """Which convention poses follow: one of SENTENCES, or "" for no answer."""

    name: str
    residuals_deg: dict[str, float]
    sentence: str


def check_axes(pairs: RotationPairs, trajectory: Trajectory) -> AxesVerdict:
    """Which convention makes the poses turn as the images do; the poses are the camera's, at the images' stamps.

    "inverted" poses are those of the world in the camera, "opengl" cameras have y up and z backwards, a "body" looks
    along its x, and "left-handed" numbers are those of game engines.
    """
    at_pose = np.isin(pairs.first_ns, trajectory.stamps_ns) & np.isin(pairs.second_ns, trajectory.stamps_ns)
    pairs = pairs.select(at_pose)
    turns = np.linalg.norm(pairs.rotvecs, axis=1)
    if len(pairs) < MIN_PAIRS or np.median(turns) < MIN_TURN_RAD:
        return AxesVerdict("", {}, "cannot tell: the camera turns too little between images that show the same things")
    first = Rotation.from_quat(trajectory.quats_xyzw[np.searchsorted(trajectory.stamps_ns, pairs.first_ns)])
    second = Rotation.from_quat(trajectory.quats_xyzw[np.searchsorted(trajectory.stamps_ns, pairs.second_ns)])
    flip, body = Rotation.from_matrix(R_OPENGL), Rotation.from_matrix(R_BODY_OPTICAL)
    candidates = {
        "optical": first.inv() * second,
        "opengl": flip * first.inv() * second * flip,
        "inverted": first * second.inv(),
        "inverted opengl": flip * first * second.inv() * flip,
        "body": body.inv() * first.inv() * second * body,
        "left-handed": Rotation.from_matrix(MIRROR[:3, :3] @ (first.inv() * second).as_matrix() @ MIRROR[:3, :3]),
    }
    errors = {
        name: float(np.degrees(np.median(np.linalg.norm(turn.as_rotvec() - pairs.rotvecs, axis=1))))
        for name, turn in candidates.items()
    }
    name = min(errors, key=lambda key: errors[key])
    # of a camera that only yaws both hands say the same
    others = {key: error for key, error in errors.items() if key not in (name, "left-handed")}
    best, second_best = errors[name], min(others.values())
    if best > 0.5 * second_best:
        return AxesVerdict("", errors, "cannot tell: no convention makes the poses turn as the images do")
    return AxesVerdict(name, errors, SENTENCES[name])


SENTENCES = {
    "optical": "the poses turn as the images do",
    "opengl": "the poses are of an OpenGL camera (y up, z backwards); turn each by 180 degrees about its x axis",
    "inverted": "the poses are those of the world in the camera; invert them",
    "inverted opengl": "the poses are those of the world in an OpenGL camera; invert, then turn by 180 degrees about x",
    "body": "the poses are of a body or a camera_link (x forwards, y to the left, z up); the child is to be the "
    "optical frame, whose z points forwards and y down",
    "left-handed": "the poses are left-handed, as those of game engines; negate y, qx and qz of each",
}

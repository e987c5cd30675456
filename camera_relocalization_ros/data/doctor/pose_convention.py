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


@dataclass(frozen=True)
class AxesVerdict:
    """Which convention poses follow: "optical", "opengl", "inverted", "inverted opengl", or "" for no answer."""

    name: str
    residuals_deg: dict[str, float]
    sentence: str


def check_axes(pairs: RotationPairs, trajectory: Trajectory) -> AxesVerdict:
    """Which convention makes the poses turn as the images do; the poses are the camera's, at the images' stamps.

    "inverted" poses are those of the world in the camera, "opengl" cameras have y up and z backwards.
    """
    at_pose = np.isin(pairs.first_ns, trajectory.stamps_ns) & np.isin(pairs.second_ns, trajectory.stamps_ns)
    pairs = pairs.select(at_pose)
    turns = np.linalg.norm(pairs.rotvecs, axis=1)
    if len(pairs) < MIN_PAIRS or np.median(turns) < MIN_TURN_RAD:
        return AxesVerdict("", {}, "cannot tell: the camera turns too little between images that show the same things")
    first = Rotation.from_quat(trajectory.quats_xyzw[np.searchsorted(trajectory.stamps_ns, pairs.first_ns)])
    second = Rotation.from_quat(trajectory.quats_xyzw[np.searchsorted(trajectory.stamps_ns, pairs.second_ns)])
    flip = Rotation.from_matrix(R_OPENGL)
    candidates = {
        "optical": first.inv() * second,
        "opengl": flip * first.inv() * second * flip,
        "inverted": first * second.inv(),
        "inverted opengl": flip * first * second.inv() * flip,
    }
    errors = {
        name: float(np.degrees(np.median(np.linalg.norm(turn.as_rotvec() - pairs.rotvecs, axis=1))))
        for name, turn in candidates.items()
    }
    best, second_best = sorted(errors.values())[:2]
    name = min(errors, key=lambda key: errors[key])
    if best > 0.5 * second_best:
        return AxesVerdict("", errors, "cannot tell: no convention makes the poses turn as the images do")
    return AxesVerdict(name, errors, SENTENCES[name])


SENTENCES = {
    "optical": "the poses turn as the images do",
    "opengl": "the poses are of an OpenGL camera (y up, z backwards); turn each by 180 degrees about its x axis",
    "inverted": "the poses are those of the world in the camera; invert them",
    "inverted opengl": "the poses are those of the world in an OpenGL camera; invert, then turn by 180 degrees about x",
}

# SPDX-License-Identifier: BSD-3-Clause
"""Numbers of poses as other people's programs print them, and poses that are none."""

from __future__ import annotations

import re

import numpy as np

from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.core.pose import is_pose

# how Microsoft's C runtimes print infinity and "not a number": -1.#INF, 1.#QNAN0, -1.#IND00, 1.#INF00e+000, -nan(ind)
NOT_FINITE = re.compile(r"[+-]?(\d\.#[a-z]+\d*(e[+-]?\d+)?|nan\(\w*\))", re.IGNORECASE)


def read_number(text: str) -> float:
    """The number that a text is, nan for every spelling of what is none; raises ValueError for anything else."""
    return float("nan") if NOT_FINITE.fullmatch(text) else float(text)


def is_number(text: str) -> bool:
    """Whether `read_number` reads it."""
    try:
        read_number(text)
    except ValueError:
        return False
    return True


def pose_or_nan(position: np.ndarray, quat_xyzw: np.ndarray) -> np.ndarray:
    """The matrix (4, 4) of a position (3,) and a quaternion (4,); all nan where they are no pose.

    Trackers and models write zeros or nan where they lost the camera.
    """
    return pose_matrix(position, quat_xyzw) if is_pose(position, quat_xyzw) else np.full((4, 4), np.nan)

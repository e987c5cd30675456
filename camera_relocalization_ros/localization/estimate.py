# SPDX-License-Identifier: BSD-3-Clause
"""What is said of one image: a pose, how far it can be trusted, and where it came from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State


@dataclass(frozen=True)
class Estimate:
    """Pose of the bundle's child frame in its parent frame at `stamp_ns`.

    `pose` in metres, its quaternion with w >= 0; `window_length` images were looked at; `inference_s` is the
    time from image to pose; `descriptor` (D,) is the image's global feature, for retrieval. `state` is OK, DEGRADED
    or LOST, and `reason` says why it is not OK; a LOST pose is for study and must not be flown on.

    `covariance` (6, 6) is of x, y, z in metres and of rotations about the fixed x, y, z axes of the parent frame in
    radians (REP 103), None from a bundle without calibration. `score`, 0 to 1, is the share of in-distribution images
    that looked no better than this one, NaN without calibration; `indicators` are the measurements behind it. `stage`
    says where the pose came from; score and indicators are always the regression's. `landmarks`: how many the pose
    rests on, 0 where it is regressed; `evidence`: orders of magnitude that these, or those of the search that found
    what was tracked, speak against chance, NaN where it is regressed; `is_confirmed`: what was found by a search of
    the whole image agrees with what was tracked there since another.
    """

    stamp_ns: int
    pose: Pose
    window_length: int
    inference_s: float
    descriptor: np.ndarray
    state: State
    reason: str
    covariance: np.ndarray | None = None
    score: float = math.nan
    indicators: dict[str, float] = field(default_factory=dict)
    stage: Stage = Stage.REGRESSION
    landmarks: int = 0
    evidence: float = math.nan
    is_confirmed: bool = False

    @property
    def position(self) -> np.ndarray:
        """(3,), that of the pose."""
        return self.pose.position

    @property
    def quat_xyzw(self) -> np.ndarray:
        """(4,), that of the pose."""
        return self.pose.quat_xyzw

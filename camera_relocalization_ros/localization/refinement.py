# SPDX-License-Identifier: BSD-3-Clause
"""What the landmarks of an image say of its pose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.localization.mean_pose import MeanPose


@dataclass(frozen=True)
class Refinement:
    """Pose of the child frame in the parent frame from landmarks; found is False when there is none.

    covariance (6, 6) as in Estimate; of `matches` landmarks those of index landmarks (i,), seen at pixels (i, 2) of the
    grey image, agree with it, to noise_px (standard deviation of a coordinate). by_chance: how many would agree as
    closely with any pose, 0 where nothing was searched. evidence: orders of magnitude by which chance is unlikelier,
    see `evidence`; support: the same while the regression speaks for the pose, so that no rival matters, infinite where
    nothing was searched. share: of landmarks that were tracked, those that still agree, 1 where none were; drift_px:
    how far they may have slipped since they were found, alike, so that noise_px does not show it. around: landmarks
    (a,) that look like what is seen at around_pixels (a, 2), near where the pose expects them, whether they agree with
    it or not; none where not all of the image was searched. is_guided: the search was near the prior alone; by_looks:
    then, where little speaks for it, the same with chance counted by what landmarks look like. is_mirrored: the
    features say far more of the picture's mirror image. mean: the pose by this search and those before it, where these
    agree. seconds: time per stage.
    """

    found: bool
    pose: Pose
    covariance: np.ndarray
    landmarks: np.ndarray
    pixels: np.ndarray
    matches: int
    noise_px: float
    by_chance: float = 0.0
    evidence: float = 0.0
    support: float = math.inf
    share: float = 1.0
    drift_px: float = 0.0
    around: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    around_pixels: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    is_guided: bool = False
    by_looks: Refinement | None = None
    is_mirrored: bool = False
    mean: MeanPose | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> MeanPose:
        """The pose to publish: the mean of several searches where there is one."""
        return self.mean or MeanPose.of(self.pose, self.covariance)

    @property
    def position(self) -> np.ndarray:
        """(3,), that of the pose."""
        return self.pose.position

    @property
    def quat_xyzw(self) -> np.ndarray:
        """(4,), that of the pose."""
        return self.pose.quat_xyzw


def nothing_found(matches: int) -> Refinement:
    """That there is no pose."""
    return Refinement(
        found=False,
        pose=Pose(np.full(3, np.nan), np.full(4, np.nan)),
        covariance=np.full((6, 6), np.nan),
        landmarks=np.empty(0, dtype=np.int64),
        pixels=np.empty((0, 2)),
        matches=matches,
        noise_px=math.nan,
    )


def better(one: Refinement, other: Refinement) -> Refinement:
    """The other where it alone is found, or has more evidence."""
    return other if not one.found or (other.found and other.evidence > one.evidence) else one

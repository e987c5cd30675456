# SPDX-License-Identifier: BSD-3-Clause
"""The mean of what searches in a row say of the pose, carried from image to image by the landmarks that are followed.

Searches of neighbouring images find other features each time, so most of what a pose by one of them errs by is not what
the next one errs by. Between them landmarks that are followed tell how the camera moved far better than where it is:
what the map errs by, they err by in both images.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.pose import Pose, lever_jacobian, pose_residual

# Chosen on flights of three worlds, docs/refinement.md. Of the variance of a search's pose what the next ones err by
# alike; and how fast their mean is forgotten, as what they err by changes with the view: in so many seconds its own
# variance doubles.
ALIKE, DOUBLES_S = 0.5, 1.0


@dataclass(frozen=True)
class MeanPose:
    """A pose of the child frame in the parent frame.

    Covariances (6, 6) as in Estimate: alike of what searches err by alike, own of the rest, slip of the way from the
    image searched last.
    """

    pose: Pose
    alike: np.ndarray
    own: np.ndarray
    slip: np.ndarray = field(default_factory=lambda: np.zeros((6, 6)))

    @property
    def covariance(self) -> np.ndarray:
        """(6, 6) as in Estimate."""
        covariance: np.ndarray = self.alike + self.own + self.slip
        return covariance

    def is_surer_than(self, other: MeanPose) -> bool:
        """Whether its ellipsoid is smaller."""
        return bool(np.linalg.slogdet(self.covariance)[1] < np.linalg.slogdet(other.covariance)[1])

    @classmethod
    def of(cls, pose: Pose, covariance: np.ndarray) -> MeanPose:
        """That of a single search."""
        return cls(pose, ALIKE * covariance, (1 - ALIKE) * covariance)

    def apart(self, pose: Pose, covariance: np.ndarray) -> float:
        """How far another pose of the same image is: root mean square of six parts, in standard deviations of both."""
        difference = pose_residual(pose, self.pose)
        squared = difference @ np.linalg.solve(covariance + self.covariance, difference)
        return float(np.sqrt(squared / len(difference)))

    def moved(self, pose: Pose, slip: np.ndarray, passed_s: float) -> MeanPose:
        """In another image, after so many seconds, where the way there leads to `pose`.

        slip (6, 6): covariance of the way from the image searched last, not of that from the one before: what landmarks
        are off by there they are not off by any more when they are found again.
        """
        lever = lever_jacobian(pose.position - self.pose.position)
        own = (1 + passed_s / DOUBLES_S) * self.own
        return MeanPose(pose, lever @ self.alike @ lever.T, lever @ own @ lever.T, slip)

    def with_search(self, pose: Pose, covariance: np.ndarray) -> MeanPose:
        """With one more search, of the same image: each counts by what it does not err by as the others do.

        Where they differ by more than that lets expect, both err by as much more (Birge 1932).
        """
        one, difference = MeanPose.of(pose, covariance), pose_residual(pose, self.pose)
        own = self.own + self.slip
        inverse = np.linalg.inv(own + one.own)
        more = max(1.0, float(difference @ inverse @ difference) / len(difference))
        gain = own @ inverse
        step = gain @ difference
        turned = Rotation.from_rotvec(step[3:]) * self.pose.rotation
        return replace(one, pose=Pose(self.pose.position + step[:3], turned.as_quat()), own=more * (gain @ one.own))

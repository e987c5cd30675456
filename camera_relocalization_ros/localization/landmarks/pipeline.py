# SPDX-License-Identifier: BSD-3-Clause
"""The second stage behind the regression: landmarks found, followed, and fused; one stream of images of one camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.fusion import Refusal, fuse, regression_alone, why_refused
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner, Refinement, go_on
from camera_relocalization_ros.localization.landmarks.tracker import LandmarkTracker

NOT_YET = "no landmarks are followed"


@dataclass(frozen=True)
class RefinedImage:
    """A grey image, its regression, what landmarks say, and why that is not trusted (None: it is)."""

    grey: np.ndarray
    estimate: Estimate
    refinement: Refinement
    refusal: Refusal | None

    @property
    def fused(self) -> Estimate:
        """The better of both poses."""
        return fuse(self.estimate, self.refinement, self.refusal)


class LandmarkStage:
    """`follow` is quick, for every image; `refine` takes longer, for every image or now and then.

    Both may run in threads of their own: `refine` touches nothing that `follow` uses; who refined an image in which
    landmarks were found starts the tracker with it (`track`), in the thread of `follow`.
    """

    def __init__(self, landmark_map: LandmarkMap, camera: CameraIntrinsics) -> None:
        self.refiner = PoseRefiner(landmark_map, camera)
        self._tracker = LandmarkTracker(self.refiner)

    def grey(self, image_rgb: np.ndarray) -> np.ndarray:
        """What the other methods take of an image; raises FrameError when it is of another camera."""
        return self.refiner.extractor.grey(image_rgb)

    def reset(self) -> None:
        """Forget earlier images."""
        self._tracker.forget()

    def follow(self, grey: np.ndarray, estimate: Estimate) -> Estimate:
        """The best pose of an image by its regression and the landmarks of images before it."""
        tracked = self._tracker.follow(grey, estimate.stamp_ns)
        if tracked is None:
            return regression_alone(estimate, NOT_YET)
        return fuse(estimate, tracked, why_refused(estimate, tracked, Stage.TRACKED), Stage.TRACKED)

    def refine(
        self, grey: np.ndarray, estimate: Estimate, prior: Estimate, pause: Callable[[], None] = go_on
    ) -> RefinedImage:
        """What the landmarks that are looked for near `prior` say of an image with its regression.

        `pause` is called between steps, and may wait.
        """
        refinement = self.refiner.refine_grey(grey, prior.position, prior.quat_xyzw, pause)
        return RefinedImage(grey, estimate, refinement, why_refused(estimate, refinement))

    def track(self, refined: RefinedImage) -> None:
        """Follow the landmarks of a refined image that was not refused from now on."""
        self._tracker.start(refined.grey, refined.estimate.stamp_ns, refined.refinement)

# SPDX-License-Identifier: BSD-3-Clause
"""The node's second stage: landmarks of the model's map, for the camera that camera_info describes."""

from __future__ import annotations

import time
from functools import partial
from typing import Callable

import numpy as np
import rospy

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.image_files import Picture
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.fusion import regression_alone
from camera_relocalization_ros.localization.landmarks.health import LandmarkHealth
from camera_relocalization_ros.localization.landmarks.live import (
    BackgroundLandmarks,
    LandmarkLocalizer,
    RefinementCounts,
    SequentialLandmarks,
)
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.ros.node.camera_watch import CameraWatch
from camera_relocalization_ros.vision.local_features import why_none

# all landmarks are prepared for a camera: two drivers on one camera_info must not make that the work of every image
CHANGE_PERIOD_S = 1.0


class NodeLandmarks:
    """Refines where it can: a map in the bundle, and a camera_info that fits the model. Not thread-safe.

    regress: as BackgroundLandmarks has it. refines_first: every image is refined before it is estimated; else some are
    beside the stream, rate_hz at most. counts: how refinements ended since the node started. why_not: why the newest
    image's landmarks were not looked for, "" while they are and for a model without a map, of which nothing is missing.
    """

    def __init__(
        self,
        watch: CameraWatch,
        regress: Callable[[np.ndarray, int], Estimate],
        rate_hz: float,
        refines_first: bool = False,
    ) -> None:
        self.counts = RefinementCounts()
        self.why_not = ""
        self._watch = watch
        self._regress = regress
        self._rate_hz = rate_hz
        self._refines_first = refines_first
        self._map: LandmarkMap | None = None
        self._tells_confirmed = True
        # why a map is left alone, whatever the camera
        self._why_off = ""
        self._camera: CameraIntrinsics | None = None
        self._localizer: LandmarkLocalizer | None = None
        # the same object, where it has something to do between the images
        self._background: BackgroundLandmarks | None = None
        self._changed_s = -CHANGE_PERIOD_S

    @property
    def health(self) -> LandmarkHealth:
        """Whether the search beside the stream keeps up with the images; of NaN where there is none."""
        return LandmarkHealth() if self._background is None else self._background.health

    def use(self, bundle: Bundle) -> None:
        """Refine by another model's map from now on; none is fine too."""
        self._drop()
        # another model is no change of the camera
        self._changed_s = -CHANGE_PERIOD_S
        self._map, self._tells_confirmed = bundle.landmark_map, bundle.tells_confirmed
        self._why_off = self.why_not = self._why_no_search() if self._map is not None else ""
        if self._why_off:
            rospy.logwarn(f"{bundle.path}: its landmarks are not used, so no pose is OK: {self._why_off}")

    def reset(self) -> None:
        """Forget earlier images."""
        if self._localizer is not None:
            self._localizer.reset()

    @property
    def is_tracking(self) -> bool:
        """Whether the next image may need no network, and so no colours."""
        return self._localizer is not None and self._localizer.is_tracking

    def estimate_tracked(self, picture: Picture, stamp_ns: int) -> Estimate | None:
        """The best pose of an image without the network; None where that must look at it: `estimate`."""
        if self._map is None:
            return None
        self.why_not = self._why_off or self._prepare_for_camera(self._map)
        return None if self._localizer is None or self.why_not else self._localizer.estimate_tracked(picture, stamp_ns)

    def estimate(self, picture: Picture, regression: Estimate) -> Estimate:
        """The best pose of an image with its regression, after `estimate_tracked`; raises FrameError."""
        if self._map is None:
            return regression
        self.why_not = self._why_off or self._prepare_for_camera(self._map)
        if self._localizer is None or self.why_not:
            return regression_alone(regression, self.why_not or "landmarks cannot be prepared")
        return self._localizer.estimate(picture, regression)

    def miss(self, decode_grey: Callable[[], np.ndarray], stamp_ns: int) -> None:
        """Remember an image (H, W) that nobody has time for, for what is found in others; it may raise FrameError."""
        if self._localizer is not None:
            self._localizer.miss(decode_grey, stamp_ns)

    def pause(self) -> None:
        """An image came: what takes longer gives way."""
        if self._background is not None:
            self._background.pause()

    def refine(self) -> None:
        """The image's pose is published: what takes longer goes on."""
        if self._background is not None:
            self._background.refine()

    def estimate_alone(self, relocalizer: Relocalizer, image_rgb: np.ndarray, stamp_ns: int) -> Estimate:
        """The best pose of one image by itself, with the map of this relocalizer's bundle; raises FrameError."""
        camera, why_not = self._usable_camera()
        why_not = self._why_no_search() or why_not
        if relocalizer.bundle.landmark_map is None:
            return relocalizer.estimate(image_rgb, stamp_ns)
        if camera is None or why_not:
            return regression_alone(relocalizer.estimate(image_rgb, stamp_ns), why_not)
        return StagedRelocalizer(relocalizer, camera).estimate(image_rgb, stamp_ns)

    def _why_no_search(self) -> str:
        """Why this node looks for no landmarks, "" when it does."""
        return "refinement_rate is below 0" if self._rate_hz < 0 else why_none()

    def _prepare_for_camera(self, landmark_map: LandmarkMap) -> str:
        """Make the localizer fit the camera of the newest camera_info; why that is not possible, "" when it is."""
        camera, why_not = self._usable_camera()
        if camera != self._camera:
            if camera is not None and time.monotonic() - self._changed_s < CHANGE_PERIOD_S:
                return "camera_info changes all the time"
            self._changed_s = time.monotonic()
            self._drop()
            self._camera = camera
            if camera is not None:
                self._prepare(landmark_map, camera)
        return why_not

    def _prepare(self, landmark_map: LandmarkMap, camera: CameraIntrinsics) -> None:
        make_pipeline = partial(LandmarkPipeline, landmark_map, camera, tells_confirmed=self._tells_confirmed)
        if self._refines_first:
            self._localizer = SequentialLandmarks(make_pipeline(), self.counts)
        else:
            self._localizer = self._background = BackgroundLandmarks(
                make_pipeline, self._regress, self._rate_hz, self.counts
            )

    def _usable_camera(self) -> tuple[CameraIntrinsics | None, str]:
        """The intrinsics, or None and why there are none that landmarks can be found with."""
        why_not = self._watch.why_unknown
        return (None if why_not else self._watch.camera), why_not

    def _drop(self) -> None:
        if self._background is not None:
            self._background.close()
        self._localizer = self._background = self._camera = None

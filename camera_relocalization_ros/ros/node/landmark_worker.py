# SPDX-License-Identifier: BSD-3-Clause
"""The node's second stage: landmarks of the model's map, for the camera that camera_info describes."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import rospy

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.fusion import regression_alone
from camera_relocalization_ros.localization.landmarks.live import REFINED, LiveLandmarks
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkStage
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import LandmarksFirst, StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.ros.node.camera_watch import CameraWatch
from camera_relocalization_ros.vision.local_features import why_none

# all landmarks are prepared for a camera: two drivers on one camera_info must not make that the work of every image
CHANGE_PERIOD_S = 1.0


class NodeLandmarks:
    """Refines where it can: a map in the bundle, and a camera_info that fits the model. Not thread-safe.

    refines_first: every image is searched before it is answered; else some are beside the stream, rate_hz at most.
    counts: how refinements ended since the node started, by kind.
    """

    def __init__(self, watch: CameraWatch, rate_hz: float, refines_first: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self._watch = watch
        self._rate_hz = rate_hz
        self._refines_first = refines_first
        self._bundle: Bundle | None = None
        self._camera: CameraIntrinsics | None = None
        self._live: LandmarksFirst | LiveLandmarks | None = None
        self._changed_s = -CHANGE_PERIOD_S

    @property
    def refused(self) -> dict[str, int]:
        """Those of `counts` that gave no pose to trust."""
        return {kind: count for kind, count in self.counts.items() if kind != REFINED}

    def use(self, bundle: Bundle) -> None:
        """Refine by another model's map from now on; none is fine too."""
        self._drop()
        self._bundle = bundle
        if self._has_map and why_none():
            rospy.logwarn(f"{bundle.path}: its landmarks are not used: {why_none()}")
            self._bundle = None

    def reset(self) -> None:
        """Forget earlier images."""
        if self._live is not None:
            self._live.reset()

    def answer(self, image_rgb: np.ndarray, estimate: Estimate) -> Estimate:
        """The best pose of an image with its regression; raises FrameError."""
        if not self._has_map:
            return estimate
        camera, why_not = self._usable_camera()
        if camera != self._camera:
            if camera is not None and time.monotonic() - self._changed_s < CHANGE_PERIOD_S:
                return regression_alone(estimate, "camera_info changes all the time")
            self._changed_s = time.monotonic()
            self._drop()
            self._camera = camera
            if camera is not None:
                self._live = self._landmarks(LandmarkStage(self._bundle.landmark_map, camera))
        if self._live is None:
            return regression_alone(estimate, why_not or "landmarks cannot be prepared")
        return self._live.answer(image_rgb, estimate)

    def hold(self) -> None:
        """An image came: what takes longer gives way."""
        if self._live is not None:
            self._live.hold()

    def search(self) -> None:
        """The image's answer is published: what takes longer goes on."""
        if self._live is not None:
            self._live.search()

    def refining(self, relocalizer: Relocalizer) -> Relocalizer | StagedRelocalizer:
        """The relocalizer with landmarks behind it, where that is possible."""
        camera, _ = self._usable_camera()
        has_map = self._has_map and relocalizer.bundle.landmark_map is not None
        return StagedRelocalizer(relocalizer, camera) if has_map and camera is not None else relocalizer

    def _landmarks(self, stage: LandmarkStage) -> LandmarksFirst | LiveLandmarks:
        if self._refines_first:
            return LandmarksFirst(stage, self.counts)
        return LiveLandmarks(stage, self._rate_hz, self.counts)

    @property
    def _has_map(self) -> bool:
        return self._bundle is not None and self._bundle.landmark_map is not None and self._rate_hz >= 0

    def _usable_camera(self) -> tuple[CameraIntrinsics | None, str]:
        """The intrinsics, or None and why there are none that landmarks can be found with."""
        match, camera = self._watch.match, self._watch.camera
        if camera is None or match.complaint:
            return None, match.complaint or "no camera_info came yet"
        return camera, ""

    def _drop(self) -> None:
        if self._live is not None:
            self._live.close()
        self._live = self._camera = None

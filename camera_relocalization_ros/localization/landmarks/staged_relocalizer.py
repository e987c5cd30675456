# SPDX-License-Identifier: BSD-3-Clause
"""Image in, best pose out: regression, and where the bundle has a map landmarks behind it, one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BundleError, ConfigError
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline, StagedEstimate
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.localization.relocalizer import Relocalizer

# what can be evaluated by itself: tracking fills the gaps of FUSED alone
SELECTABLE = {stage.name.lower(): stage for stage in (Stage.REGRESSION, Stage.REFINED, Stage.FUSED)}


def parse_stages(text: str | None, bundle: Bundle) -> list[Stage]:
    """Stages of a text such as "refined,fused", in the order of SELECTABLE; None: the one that the bundle publishes.

    Raises ConfigError for an unknown one.
    """
    if text is None:
        return [Stage.REGRESSION if bundle.landmark_map is None else Stage.FUSED]
    names = text.split(",")
    unknown = sorted(set(names) - set(SELECTABLE))
    if unknown:
        raise ConfigError(f"stage {unknown[0]!r}; expected some of {','.join(SELECTABLE)}")
    return [stage for name, stage in SELECTABLE.items() if name in names]


def method_name(bundle: Bundle, stage: Stage) -> str:
    """What a stage is called in tables: the head for the regression, else the stage."""
    head = bundle.sidecar.head
    return head if stage is Stage.REGRESSION else f"{stage.name.lower()}, {head}"


class StagedRelocalizer:
    """As Relocalizer, with every image refined before it is estimated; the node does so with ~refine_first alone.

    Raises BundleError when the bundle has no map, ConfigError when the camera is not known.
    """

    def __init__(self, relocalizer: Relocalizer, camera: CameraIntrinsics | None) -> None:
        bundle = relocalizer.bundle
        if bundle.landmark_map is None:
            raise BundleError(f"{bundle.path}: has no landmarks; reloc map adds them")
        if camera is None:
            raise ConfigError(f"{bundle.path}: the camera's intrinsics are not known, and landmarks need them")
        self._relocalizer = relocalizer
        self._landmarks = LandmarkPipeline(bundle.landmark_map, camera)

    @property
    def refiner(self) -> PoseRefiner:
        """What finds the landmarks."""
        return self._landmarks.refiner

    @property
    def bundle(self) -> Bundle:
        """That of the relocalizer."""
        return self._relocalizer.bundle

    def reset(self) -> None:
        """Forget earlier images."""
        self._relocalizer.reset()
        self._landmarks.reset()

    def leave_stream(self) -> None:
        """The next image is of no stream with those before: no landmark is followed from these to it."""
        self._landmarks.reset()

    def use_camera(self, camera: CameraIntrinsics) -> None:
        """The next images are of this camera."""
        self._landmarks.use_camera(camera)

    def estimate(self, image_rgb: np.ndarray, stamp_ns: int) -> Estimate:
        """The best pose for an image (H, W, 3) uint8 in RGB order; raises FrameError."""
        return self.estimate_stages(image_rgb, stamp_ns).fused

    def estimate_stages(self, image_rgb: np.ndarray, stamp_ns: int) -> StagedEstimate:
        """As `estimate`, with what led to it."""
        return self.estimate_from(image_rgb, self._relocalizer.estimate(image_rgb, stamp_ns))

    def estimate_from(self, image_rgb: np.ndarray, regression: Estimate) -> StagedEstimate:
        """As `estimate_stages` of an image whose regression is known: touches nothing that the relocalizer uses."""
        staged = self._landmarks.estimate(image_rgb, regression)
        return replace(staged, fused=self._relocalizer.contract.settle(staged.fused))

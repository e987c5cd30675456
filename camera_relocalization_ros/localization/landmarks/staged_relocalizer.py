# SPDX-License-Identifier: BSD-3-Clause
"""Image in, best pose out: regression, and where the bundle has a map landmarks behind it, one after the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BundleError, ConfigError
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks import live as live_landmarks
from camera_relocalization_ros.localization.landmarks.fusion import Refusal, refined_alone
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkStage
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner, Refinement
from camera_relocalization_ros.localization.relocalizer import Relocalizer

REGRESSION, REFINED, FUSED = STAGES = "regression", "refined", "fused"


@dataclass(frozen=True)
class StagedAnswer:
    """What each stage made of an image, why landmarks were not trusted (None: they were), and what is published."""

    regression: Estimate
    refinement: Refinement
    refusal: Refusal | None
    fused: Estimate

    def of(self, stage: str) -> Estimate:
        """One of STAGES by itself; refined alone has no numbers, and is LOST, where landmarks gave no pose."""
        alone = {REGRESSION: self.regression, FUSED: self.fused}
        return alone[stage] if stage in alone else refined_alone(self.regression, self.refinement)


def chosen_stages(text: str | None, bundle: Bundle) -> list[str]:
    """Stages of a text such as "refined,fused", in the order of STAGES; None: the one that the bundle publishes.

    Raises ConfigError for an unknown one.
    """
    if text is None:
        return [REGRESSION if bundle.landmark_map is None else FUSED]
    unknown = sorted(set(text.split(",")) - set(STAGES))
    if unknown:
        raise ConfigError(f"stage {unknown[0]!r}; expected some of {','.join(STAGES)}")
    return [stage for stage in STAGES if stage in text.split(",")]


def method_name(bundle: Bundle, stage: str) -> str:
    """What a stage is called in tables: the head for the regression, else the stage."""
    return bundle.sidecar.head if stage == REGRESSION else f"{stage}, {bundle.sidecar.head}"


def refine_first(landmarks: LandmarkStage, image_rgb: np.ndarray, regression: Estimate) -> StagedAnswer:
    """The answer to an image (H, W, 3) uint8 with its regression, searched for landmarks; raises FrameError.

    Landmarks that are found are followed from this image on.
    """
    grey = landmarks.grey(image_rgb)
    tracked = landmarks.follow(grey, regression)
    # what was followed is nearer to the truth than what was regressed
    refined = landmarks.refine(grey, regression, tracked)
    if refined.refusal is None:
        landmarks.track(refined)
    is_tracked = refined.refusal is not None and tracked.stage is Stage.TRACKED
    return StagedAnswer(regression, refined.refinement, refined.refusal, tracked if is_tracked else refined.fused)


class LandmarksFirst:
    """As LiveLandmarks, with every image searched before it is answered, however long that takes."""

    def __init__(self, stage: LandmarkStage, counts: Counter[str]) -> None:
        self._stage = stage
        self._counts = counts

    def answer(self, image_rgb: np.ndarray, estimate: Estimate) -> Estimate:
        """The best pose for an image with its regression; raises FrameError."""
        answer = refine_first(self._stage, image_rgb, estimate)
        self._counts[live_landmarks.REFINED if answer.refusal is None else answer.refusal.kind.value] += 1
        return answer.fused

    def hold(self) -> None:
        """Nothing is going on beside that would have to give way."""

    def search(self) -> None:
        """Nothing is left to be searched."""

    def reset(self) -> None:
        """Forget earlier images."""
        self._stage.reset()

    def close(self) -> None:
        """Nothing is going on beside."""


class StagedRelocalizer:
    """As Relocalizer, with every image refined before it is answered; the node does so with ~refine_first alone.

    Raises BundleError when the bundle has no map, ConfigError when the camera is not known.
    """

    def __init__(self, relocalizer: Relocalizer, camera: CameraIntrinsics | None) -> None:
        bundle = relocalizer.bundle
        if bundle.landmark_map is None:
            raise BundleError(f"{bundle.path}: has no landmarks; reloc map adds them")
        if camera is None:
            raise ConfigError(f"{bundle.path}: the camera's intrinsics are not known, and landmarks need them")
        self._relocalizer = relocalizer
        self._landmarks = LandmarkStage(bundle.landmark_map, camera)

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

    def estimate(self, image_rgb: np.ndarray, stamp_ns: int) -> Estimate:
        """The best pose for an image (H, W, 3) uint8 in RGB order; raises FrameError."""
        return self.answer(image_rgb, stamp_ns).fused

    def answer(self, image_rgb: np.ndarray, stamp_ns: int) -> StagedAnswer:
        """As `estimate`, with what led to it."""
        return refine_first(self._landmarks, image_rgb, self._relocalizer.estimate(image_rgb, stamp_ns))

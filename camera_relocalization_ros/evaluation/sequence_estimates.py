# SPDX-License-Identifier: BSD-3-Clause
"""The estimates of whole sequences, each of which begins with nothing seen: units of work for any process."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

from camera_relocalization_ros.bundle.model_bundle import SIDECAR
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.fleet.engine import Engine, counted, uncounted
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer

# by stage, of each frame
StageEstimates = Dict[Stage, List[Estimate]]


class SequenceEstimator:
    """Estimates by some stages all frames of a data set of one sequence, in their order.

    In another process it opens the bundle, which lies at the same path there, and computes with one thread: its process
    is one of many. Raises BundleError when landmarks are needed and the bundle has none, ConfigError when the camera is
    not known.
    """

    def __init__(self, relocalizer: Relocalizer, stages: Sequence[Stage], camera: CameraIntrinsics | None) -> None:
        self._relocalizer, self._stages, self._camera = relocalizer, tuple(stages), camera
        # of all that the bundle is: the sidecar has the checksums of its other files
        self._sha256 = hashlib.sha256((relocalizer.bundle.path / SIDECAR).read_bytes()).hexdigest()
        self._staged = None if self._stages == (Stage.REGRESSION,) else StagedRelocalizer(relocalizer, camera)

    def __reduce__(self) -> tuple[Any, ...]:
        path, limits = self._relocalizer.bundle.path.absolute(), self._relocalizer.contract.limits
        return _opened, (path, self._sha256, limits, self._stages, self._camera)

    def __call__(self, dataset: Dataset, advance: Callable[[], object] = uncounted) -> StageEstimates:
        """Raises DatasetError when an image cannot be read, or its camera is not known and needed."""
        estimates: StageEstimates = {stage: [] for stage in self._stages}
        (self._staged or self._relocalizer).reset()
        for frame in dataset.frames:
            image_rgb = load_image_rgb(frame.image_path)
            if self._staged is None:
                estimates[Stage.REGRESSION].append(self._relocalizer.estimate(image_rgb, frame.stamp_ns))
            else:
                self._staged.use_camera(dataset.known_camera_of(frame))
                staged = self._staged.estimate_stages(image_rgb, frame.stamp_ns)
                for stage in self._stages:
                    estimates[stage].append(staged.at(stage))
            advance()
        return estimates


def estimate_sequences(
    relocalizer: Relocalizer, dataset: Dataset, stages: Sequence[Stage], engine: Engine, task: str
) -> StageEstimates:
    """Estimates of all frames in order, the sequences done by an engine; raises what SequenceEstimator raises."""
    estimator = SequenceEstimator(relocalizer, stages, dataset.typical_camera)
    portable = dataset.absolute() if engine.is_elsewhere else dataset
    parts = [replace(portable, sequences=(sequence,)) for sequence in portable.sequences if sequence.frames]
    labels = [f"{part.path}, sequence {part.sequences[0].name}" for part in parts]
    with Task(task, dataset.frame_count, "frame") as progress:
        found = counted(engine, estimator, parts, labels, [part.frame_count for part in parts], progress)
    return {stage: [estimate for of_part in found for estimate in of_part[stage]] for stage in stages}


def _opened(
    path: Path, sha256: str, limits: OkLimits, stages: Sequence[Stage], camera: CameraIntrinsics | None
) -> SequenceEstimator:
    relocalizer = Relocalizer.from_bundle(path, threads=1, sha256=sha256)
    relocalizer.set_ok_limits(limits)
    return SequenceEstimator(relocalizer, stages, camera)

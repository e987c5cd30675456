# SPDX-License-Identifier: BSD-3-Clause
"""The estimates of whole sequences, each of which begins with nothing seen: units of work for any process."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Sequence, Tuple, TypeVar

import numpy as np

from camera_relocalization_ros.bundle.model_bundle import SIDECAR
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.fleet.engine import Engine, counted, uncounted
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer

# by stage, of each frame
StageEstimates = Dict[Stage, List[Estimate]]
Item = TypeVar("Item")
Found = TypeVar("Found")


class SequenceEstimator:
    """Estimates by some stages all frames of a data set of one sequence, in their order.

    The network looks at an image while landmarks are searched for in the one before; not so where `is_one_of_many`. In
    another process it opens the bundle, which lies at the same path there, and computes with one thread: its process is
    one of many. Raises BundleError when landmarks are needed and the bundle has none, ConfigError when the camera is
    not known.
    """

    def __init__(
        self,
        relocalizer: Relocalizer,
        stages: Sequence[Stage],
        camera: CameraIntrinsics | None,
        is_one_of_many: bool = False,
    ) -> None:
        self._relocalizer, self._stages, self._camera = relocalizer, tuple(stages), camera
        # of all that the bundle is: the sidecar has the checksums of its other files
        self._sha256 = hashlib.sha256((relocalizer.bundle.path / SIDECAR).read_bytes()).hexdigest()
        self._staged = None if self._stages == (Stage.REGRESSION,) else StagedRelocalizer(relocalizer, camera)
        self._is_ahead = self._staged is not None and not is_one_of_many

    def __reduce__(self) -> tuple[Any, ...]:
        path, limits = self._relocalizer.bundle.path.absolute(), self._relocalizer.contract.limits
        return _opened, (path, self._sha256, limits, self._stages, self._camera)

    def __call__(self, dataset: Dataset, advance: Callable[[], object] = uncounted) -> StageEstimates:
        """Raises DatasetError when an image cannot be read, or its camera is not known and needed."""
        estimates: StageEstimates = {stage: [] for stage in self._stages}
        (self._staged or self._relocalizer).reset()
        is_stream = not any(sequence.is_photographs for sequence in dataset.sequences)
        regressed = (one_ahead if self._is_ahead else map)(self._regressed, dataset.frames)
        for (image_rgb, regression), frame in zip(regressed, dataset.frames):
            if self._staged is None:
                estimates[Stage.REGRESSION].append(regression)
            else:
                if not is_stream:
                    self._staged.leave_stream()
                self._staged.use_camera(dataset.known_camera_of(frame))
                staged = self._staged.estimate_from(image_rgb, regression)
                for stage in self._stages:
                    estimates[stage].append(staged.at(stage))
            advance()
        return estimates

    def _regressed(self, frame: Frame) -> Tuple[np.ndarray, Estimate]:
        """A frame's image, and what the network says of it."""
        image_rgb = load_image_rgb(frame.image_path)
        return image_rgb, self._relocalizer.estimate(image_rgb, frame.stamp_ns)


def one_ahead(function: Callable[[Item], Found], items: Iterable[Item]) -> Iterator[Found]:
    """What a function says of items, one after the other: of one in another thread while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        before: Future[Found] | None = None
        for item in items:
            found, before = before, pool.submit(function, item)
            if found is not None:
                yield found.result()
        if before is not None:
            yield before.result()


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
    return SequenceEstimator(relocalizer, stages, camera, is_one_of_many=True)

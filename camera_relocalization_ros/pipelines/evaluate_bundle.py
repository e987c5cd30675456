# SPDX-License-Identifier: BSD-3-Clause
"""A bundle over a data set to its errors, beside those of the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.evaluation.evaluate import Evaluation, evaluate_stages
from camera_relocalization_ros.evaluation.metrics import summarise
from camera_relocalization_ros.evaluation.offline_result import offline_result
from camera_relocalization_ros.evaluation.result_files import new_result, write_result_files
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.fleet.engine import engine_at
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import method_name, parse_stages
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.pipelines.inputs import DataSpec, loaded, name_of
from camera_relocalization_ros.uncertainty.out_of_distribution_scores import estimate_files, image_paths, image_scores


@dataclass(frozen=True)
class StageEvaluation:
    """What a stage made of the data set: errors beside baselines, image by image in `result`.

    `method` is what the stage is called in tables. `summary` holds the metrics of `result`; it is empty where no image
    got a pose.
    """

    method: str
    evaluation: Evaluation
    result: Result
    summary: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as plain values for JSON."""
        return {**self.evaluation.summary(), **self.summary}


@dataclass(frozen=True)
class BundleEvaluation:
    """A bundle on a data set: its stages by name, the published one last.

    out_of_distribution_scores: by folder of images of other places, the score (n,) of each image.
    """

    bundle: Bundle
    dataset: Dataset
    stages: dict[str, StageEvaluation]
    out_of_distribution_scores: dict[str, np.ndarray]

    @property
    def published(self) -> StageEvaluation:
        """The last of the stages."""
        return list(self.stages.values())[-1]

    @property
    def errors(self) -> PoseErrors:
        """Those of the published stage."""
        return self.published.evaluation.errors

    @property
    def baselines(self) -> dict[str, PoseErrors]:
        """By name, what needs no training."""
        return self.published.evaluation.baselines

    @property
    def warning(self) -> str:
        """What a reader of the errors must know first, in lines; empty when there is nothing."""
        never = f"{self.bundle.path}: {self.bundle.never_ok}" if self.bundle.never_ok else ""
        return "\n".join(text for text in (never, self.published.evaluation.warning) if text)

    def to_dict(self) -> dict[str, Any]:
        """The published stage's numbers, those of the baselines and those of all stages, as plain values for JSON."""
        baselines = {name: errors.summary() for name, errors in self.baselines.items()}
        stages = {name: stage.to_dict() for name, stage in self.stages.items()}
        return {**self.published.to_dict(), "baselines": baselines, "stages": stages}

    def save(self, folder: Path | str) -> None:
        """Write the result for reloc compare and reloc report, one folder for each of several stages.

        Raises ResultError.
        """
        with new_result(Path(folder)) as partial:
            for name, stage in self.stages.items():
                write_result_files(partial / name if len(self.stages) > 1 else partial, stage.result)


def evaluate_bundle(
    bundle: Path | str,
    data: DataSpec,
    *,
    stages: str | None = None,
    out_of_distribution: Sequence[Path | str] = (),
    any_frames: bool = False,
    name: str = "",
    ok: OkLimits | None = None,
    progress: Progress | None = None,
    dask: str = "",
) -> BundleEvaluation:
    """Estimate the pose of every image of a data set as in flight, and compare with the truth and with baselines.

    stages: of regression, refined and fused, joined by commas; None is the one that the bundle publishes.
    out_of_distribution: folders of images, or data sets, of other places. any_frames: that the data set names its
    frames otherwise is no error. name: of the result in tables, else that of the bundle's folder.
    ok: what OK promises, else 0.1 m and 3 deg. dask: the address of a Dask scheduler whose workers do the sequences,
    or "local" for processes of this computer; workers see bundle and data set under the same paths.
    Raises BundleError, DatasetError or ConfigError.
    """
    dataset = loaded(data)
    relocalizer = Relocalizer.from_bundle(Path(bundle))
    relocalizer.set_ok_limits(ok or OkLimits())
    if out_of_distribution and relocalizer.bundle.sidecar.error_calibration is None:
        raise BundleError(f"{bundle}: --negatives needs a calibrated bundle; see reloc calibrate")
    images = {str(folder): image_paths(folder) for folder in out_of_distribution}
    chosen = parse_stages(stages, relocalizer.bundle)
    with reporting(progress):
        with engine_at(dask) as engine:
            evaluations = evaluate_stages(relocalizer, dataset, chosen, any_frames, engine)
        scores = {folder: _scores(relocalizer, folder, paths) for folder, paths in images.items()}
    title = name or Path(bundle).resolve().name
    by_stage = {
        stage.name.lower(): _stage(
            relocalizer, dataset, name_of(data), evaluation, stage, _joined(title, stage, chosen)
        )
        for stage, evaluation in evaluations.items()
    }
    return BundleEvaluation(relocalizer.bundle, dataset, by_stage, scores)


def _joined(title: str, stage: Stage, stages: Sequence[Stage]) -> str:
    """The name of a stage's result; the stage is in it where there are several."""
    return f"{title}, {stage.name.lower()}" if len(stages) > 1 else title


def _stage(
    relocalizer: Relocalizer, dataset: Dataset, data: str, evaluation: Evaluation, stage: Stage, title: str
) -> StageEvaluation:
    method, limits = method_name(relocalizer.bundle, stage), relocalizer.contract.limits
    result = offline_result(title, relocalizer.bundle, dataset, data, evaluation, method, limits)
    # where landmarks alone gave no pose at all there is nothing to sum up
    return StageEvaluation(method, evaluation, result, summarise(result) if result.compared.any() else {})


def _scores(relocalizer: Relocalizer, folder: str, paths: list[Path]) -> np.ndarray:
    calibration = relocalizer.bundle.sidecar.error_calibration
    assert calibration is not None, "evaluate_bundle has refused it"
    return image_scores(calibration, estimate_files(relocalizer, folder, paths)[folder])

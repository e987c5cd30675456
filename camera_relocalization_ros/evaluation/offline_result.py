# SPDX-License-Identifier: BSD-3-Clause
"""An evaluation of a data set in the form that live and offline results share."""

from __future__ import annotations

from typing import Iterable

import numpy as np

from camera_relocalization_ros.aircraft.placements import placement_name
from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.evaluation.evaluate import Evaluation
from camera_relocalization_ros.evaluation.results import COVARIANCE_SIZE, NO_STAGE, OFFLINE, Result, ResultInfo


def offline_result(
    name: str, bundle: Bundle, dataset: Dataset, data: str, evaluation: Evaluation, method: str
) -> Result:
    """The result of `evaluate`; `data` names the data set as the user did. It has no latency and no age."""
    estimates, frames = evaluation.estimates, dataset.frames
    sequences = [sequence for sequence in dataset.sequences for _ in sequence.frames]
    nothing = np.full(len(frames), np.nan)
    no_covariance = np.full((COVARIANCE_SIZE, COVARIANCE_SIZE), np.nan)
    answered = int(np.isfinite(evaluation.errors.position_m).sum())
    info = ResultInfo(
        *(OFFLINE, name, dataset.parent_frame, dataset.child_frame, str(bundle.path), bundle.bundle_id),
        *(method, data, len(frames), answered),
        lost=len(frames) - answered,
        trained_on=evaluation.trained_on,
        image_folder=str(dataset.path.resolve()),
        camera=dataset.camera,
    )
    return Result(
        *(info, np.array([frame.stamp_ns for frame in frames], dtype=np.int64)),
        *(_texts(s.name for s in sequences), _texts(placement_name(s.name, s.info) for s in sequences)),
        _texts(frame.image_path.relative_to(dataset.path).as_posix() for frame in frames),
        np.array([estimate.state for estimate in estimates], dtype=np.int8),
        np.where(np.isfinite(evaluation.errors.position_m), [estimate.stage for estimate in estimates], NO_STAGE),
        _texts(estimate.reason for estimate in estimates),
        np.array([estimate.score for estimate in estimates]),
        np.hstack(dataset.positions_quats()),
        np.array([[*estimate.position, *estimate.quat_xyzw] for estimate in estimates]),
        np.array([no_covariance if e.covariance is None else e.covariance for e in estimates]),
        np.array([estimate.inference_s for estimate in estimates]),
        *(nothing, nothing),
        evaluation.baselines,
    )


def _texts(values: Iterable[str]) -> np.ndarray:
    return np.array(list(values), dtype=object)

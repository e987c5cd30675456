# SPDX-License-Identifier: BSD-3-Clause
"""An evaluation of a data set in the form that live and offline results share."""

from __future__ import annotations

import math
from typing import Iterable

import numpy as np

from camera_relocalization_ros.aircraft.placements import placement_name
from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.evaluation.evaluate import Evaluation
from camera_relocalization_ros.evaluation.results import COVARIANCE_SIZE, NO_STAGE, OFFLINE, Result, ResultInfo
from camera_relocalization_ros.localization.classify import OkLimits


def offline_result(
    name: str, bundle: Bundle, dataset: Dataset, data: str, evaluation: Evaluation, method: str, limits: OkLimits
) -> Result:
    """The result of `evaluate`; `data` names the data set as the user did. It has no latency and no age.

    limits: what OK promised.
    """
    estimates, frames = evaluation.estimates, dataset.frames
    sequences = [sequence for sequence in dataset.sequences for _ in sequence.frames]
    nothing = np.full(len(frames), np.nan)
    no_covariance = np.full((COVARIANCE_SIZE, COVARIANCE_SIZE), np.nan)
    is_localized = np.isfinite(evaluation.errors.position_m)
    localized = int(is_localized.sum())
    info = ResultInfo(
        kind=OFFLINE,
        name=name,
        parent_frame=dataset.parent_frame,
        child_frame=dataset.child_frame,
        bundle=str(bundle.path),
        bundle_id=bundle.bundle_id,
        method=method,
        data=data,
        images=len(frames),
        localized=localized,
        lost=len(frames) - localized,
        trained_on=evaluation.trained_on,
        never_ok=bundle.never_ok,
        ok_position_m=limits.position_m,
        ok_orientation_deg=math.degrees(limits.orientation_rad),
        image_folder=str(dataset.path.resolve()),
        camera=dataset.camera,
        metric=dataset.is_metric,
    )
    return Result(
        info=info,
        stamps_ns=np.array([frame.stamp_ns for frame in frames], dtype=np.int64),
        sequences=_texts(s.name for s in sequences),
        placements=_texts(placement_name(s.name, s.info) for s in sequences),
        images=_texts(frame.image_path.relative_to(dataset.path).as_posix() for frame in frames),
        states=np.array([estimate.state for estimate in estimates], dtype=np.int8),
        stages=np.where(is_localized, [estimate.stage for estimate in estimates], NO_STAGE),
        reasons=_texts(estimate.reason for estimate in estimates),
        scores=np.array([estimate.score for estimate in estimates]),
        truth=dataset.poses.rows,
        estimate=np.array([[*estimate.position, *estimate.quat_xyzw] for estimate in estimates]),
        covariances=np.array([no_covariance if e.covariance is None else e.covariance for e in estimates]),
        inference_s=np.array([estimate.inference_s for estimate in estimates]),
        latency_s=nothing,
        age_s=nothing,
        baselines=evaluation.baselines,
    )


def _texts(values: Iterable[str]) -> np.ndarray:
    return np.array(list(values), dtype=object)

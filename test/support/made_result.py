# SPDX-License-Identifier: BSD-3-Clause
"""Results whose errors are known, built in code and seeded."""

from __future__ import annotations

import numpy as np
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME, fake_trajectory
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.evaluation.results import OFFLINE, Result, ResultInfo

SIGMA_M, SIGMA_RAD = 0.1, 0.05


def made_result(count: int = 60, seed: int = 0, name: str = "made", **info) -> Result:
    """Two sequences of a smooth flight with Gaussian errors of SIGMA_M and SIGMA_RAD, which the covariances tell."""
    rng = np.random.default_rng(seed)
    truth = fake_trajectory(count)
    positions = truth.positions + rng.normal(0, SIGMA_M, (count, 3))
    turns = Rotation.from_rotvec(rng.normal(0, SIGMA_RAD, (count, 3)))
    quats = (turns * Rotation.from_quat(truth.quats_xyzw)).as_quat()
    texts = np.full(count, "", dtype=object)
    sequences = np.where(np.arange(count) < count // 2, "placement1_a", "placement2_b").astype(object)
    covariance = np.diag([SIGMA_M**2] * 3 + [SIGMA_RAD**2] * 3)
    baseline = PoseErrors(np.full(count, 2.0), np.full(count, 90.0))
    values = {"data": "flight", "images": count, "localized": count, "camera": CAMERA, **info}
    return Result(
        info=ResultInfo(
            kind=OFFLINE,
            name=name,
            parent_frame=PARENT_FRAME,
            child_frame=CHILD_FRAME,
            bundle="bundle",
            bundle_id="0123456789ab",
            method="regressor",
            **values,
        ),
        stamps_ns=truth.stamps_ns,
        sequences=sequences,
        placements=np.where(sequences == "placement1_a", "1", "2").astype(object),
        images=texts,
        states=np.full(count, State.OK, dtype=np.int8),
        stages=np.full(count, Stage.REGRESSION, dtype=np.int8),
        reasons=texts,
        scores=np.full(count, 0.5),
        truth=np.hstack([truth.positions, truth.quats_xyzw]),
        estimate=np.hstack([positions, quats]),
        covariances=np.tile(covariance, (count, 1, 1)),
        inference_s=np.full(count, 0.01),
        latency_s=np.linspace(0.02, 0.03, count),
        age_s=np.full(count, np.nan),
        baselines={"constant pose": baseline},
    )

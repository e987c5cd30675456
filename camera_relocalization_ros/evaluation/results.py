# SPDX-License-Identifier: BSD-3-Clause
"""What a model estimated for each image of a data set or bag, beside the truth: the form that offline and live share.

The files are described in docs/evaluation.md; `result_files` reads and writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, Optional

import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ResultError
from camera_relocalization_ros.core.plain_values import KEY, OMITTED_DEFAULT
from camera_relocalization_ros.core.pose import MAX_POSITION_M, Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, pose_errors
from camera_relocalization_ros.core.state import State

OFFLINE, LIVE = "offline", "live"
NO_STATE = NO_STAGE = -1
POSE_SIZE, COVARIANCE_SIZE = 7, 6


@dataclass(frozen=True)
class ResultInfo:
    """What result.yaml says besides format and version.

    Poses are those of `child_frame` in `parent_frame`. `images` counts all images, with a true pose or not, `localized`
    those that got a pose; the others were `lost` (no pose that is believed), `dropped` (never looked at) or `rejected`,
    by reason. `trained_on`: images that the bundle was trained on. `never_ok`: why
    no pose of the bundle can be OK, "" where some can. What OK promised: both errors below `ok_position_m` and
    `ok_orientation_deg`. `image_folder`: where images lie, absolute or
    relative to the result; "" when they were not kept. `metric`: whether positions are in metres; else every length
    is in the scene's units, under names that end in _m all the same.
    """

    kind: str
    name: str
    parent_frame: str
    child_frame: str
    bundle: str
    bundle_id: str
    method: str
    data: str
    images: int
    localized: int = field(metadata={KEY: "answered"})
    lost: int = 0
    dropped: int = 0
    rejected: Dict[str, int] = field(default_factory=dict)
    trained_on: int = 0
    never_ok: str = ""
    ok_position_m: float = 0.10
    ok_orientation_deg: float = 3.0
    image_folder: str = ""
    camera: Optional[CameraIntrinsics] = None
    metric: bool = field(default=True, metadata={OMITTED_DEFAULT: True})

    def __post_init__(self) -> None:
        if self.kind not in (OFFLINE, LIVE):
            raise ResultError(f"kind {self.kind!r}; expected {OFFLINE!r} or {LIVE!r}")


@dataclass(frozen=True)
class Result:
    """Images in order, sequence after sequence: n rows.

    stamps_ns (n,) int64; sequences, placements, images, reasons (n,) of str; states (n,) of `State`, NO_STATE where
    nothing was said; stages (n,) of `Stage`, NO_STAGE where there is no pose; truth and estimate (n, 7): x, y, z, qx,
    qy, qz, qw; covariances (n, 6, 6) as in `Estimate`; scores, inference_s, latency_s, age_s (n,). NaN is "there is
    none". latency: from the image's arrival to the pose; age: from the image's stamp to the pose. baselines: errors of
    each on the same rows.
    """

    info: ResultInfo
    stamps_ns: np.ndarray
    sequences: np.ndarray
    placements: np.ndarray
    images: np.ndarray
    states: np.ndarray
    stages: np.ndarray
    reasons: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    estimate: np.ndarray
    covariances: np.ndarray
    inference_s: np.ndarray
    latency_s: np.ndarray
    age_s: np.ndarray
    baselines: Dict[str, PoseErrors] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.stamps_ns)
        for name in ROW_FIELDS:
            if len(getattr(self, name)) != count:
                raise ResultError(f"{name}: {len(getattr(self, name))} rows; expected {count}")
        for name in ("truth", "estimate"):
            quats = getattr(self, name)[np.isfinite(getattr(self, name)).all(axis=1), 3:]
            if not np.allclose(np.linalg.norm(quats, axis=1), 1.0, atol=1e-3):
                raise ResultError(f"{name}: a quaternion that is no rotation; expected length 1")
            if np.nanmax(np.abs(getattr(self, name)[:, :3]), initial=0.0) > MAX_POSITION_M:
                raise ResultError(f"{name}: a position beyond {MAX_POSITION_M:g} m")
        known = self.covariances[np.isfinite(self.covariances).all(axis=(1, 2))]
        if not (np.linalg.eigvalsh(known) > 0).all():
            raise ResultError("covariances: one is not positive definite")

    def __len__(self) -> int:
        return len(self.stamps_ns)

    @property
    def compared(self) -> np.ndarray:
        """Rows (n,) bool that have both an estimate and a true pose: those that errors are about."""
        return np.isfinite(self.truth).all(axis=1) & np.isfinite(self.estimate).all(axis=1)

    @property
    def accepted(self) -> np.ndarray:
        """Rows (n,) bool whose estimate is OK: what may be flown on."""
        return self.states == State.OK

    @property
    def has_covariance(self) -> bool:
        """Whether any estimate has one."""
        return bool(np.isfinite(self.covariances).all(axis=(1, 2)).any())

    @property
    def has_states(self) -> bool:
        """Whether anything was said of the estimates; nothing is of poses that were read from TF."""
        return bool((self.states != NO_STATE).any())

    def errors(self) -> PoseErrors:
        """Errors (n,) of all rows, NaN where nothing can be compared."""
        return pose_errors(Poses.from_rows(self.estimate), Poses.from_rows(self.truth))

    def select(self, rows: np.ndarray) -> Result:
        """The same of some rows; the counts of `info` stay those of all."""
        baselines = {
            name: PoseErrors(errors.position_m[rows], errors.orientation_deg[rows])
            for name, errors in self.baselines.items()
        }
        return replace(self, baselines=baselines, **{name: getattr(self, name)[rows] for name in ROW_FIELDS})


ROW_FIELDS = (
    *("stamps_ns", "sequences", "placements", "images", "states", "stages", "reasons", "scores", "truth", "estimate"),
    *("covariances", "inference_s", "latency_s", "age_s"),
)


def compared_only(result: Result) -> Result:
    """The rows that have errors; raises ResultError when there is none."""
    rows = result.compared
    if not rows.any():
        info = result.info
        found = f"of {info.images} images {info.localized} were localized, {info.lost} lost, {info.dropped} dropped"
        known = int(np.isfinite(result.truth).all(axis=1).sum())
        raise ResultError(
            f"{info.name}: no image has both an answer and a true pose: {found}, {known} have a true pose"
        )
    return result.select(rows)

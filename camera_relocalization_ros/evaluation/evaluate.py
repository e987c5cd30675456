# SPDX-License-Identifier: BSD-3-Clause
"""A bundle over a data set, frame by frame as in flight, beside the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Protocol, Sequence

import numpy as np

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, pose_errors
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.data.provenance import check_frames, is_training_pose, training_warning
from camera_relocalization_ros.evaluation.baselines import baseline_errors
from camera_relocalization_ros.evaluation.consistency import ConsistencyReport, normalized_squares
from camera_relocalization_ros.evaluation.sequence_estimates import estimate_sequences
from camera_relocalization_ros.fleet.engine import Engine, Here
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.relocalizer import Relocalizer


@dataclass(frozen=True)
class Evaluation:
    """Estimates and errors of all frames, and the errors of the baselines on the same frames.

    `trained_on` is the number of these frames that the bundle was trained on: errors of those say little.
    `consistency` is None where no estimate has a covariance.
    """

    estimates: list[Estimate]
    errors: PoseErrors
    baselines: dict[str, PoseErrors]
    trained_on: int
    consistency: ConsistencyReport | None = None

    @property
    def warning(self) -> str:
        """What a reader of the errors must know first; empty when there is nothing."""
        return training_warning(self.trained_on, len(self.estimates))

    def summary(self) -> dict[str, Any]:
        """Errors, frames trained on, and consistency where there is any, as plain numbers."""
        consistency = {"trust": self.consistency.summary()} if self.consistency is not None else {}
        return {**self.errors.summary(), "trained_on": self.trained_on, **consistency}


class PoseEstimator(Protocol):
    """What estimates the poses of a stream of images: a Relocalizer, or one with landmarks behind it."""

    @property
    def bundle(self) -> Bundle:
        """That of the network."""

    def reset(self) -> None:
        """Forget earlier images."""

    def estimate(self, image_rgb: np.ndarray, stamp_ns: int) -> Estimate:
        """The pose of an image (H, W, 3) uint8."""


def frames_in_order(
    relocalizer: PoseEstimator, dataset: Dataset, task: str, any_frames: bool = False
) -> Iterator[Frame]:
    """All frames, under a progress bar; the relocalizer forgets what it saw where a sequence ends.

    Raises BundleError when the poses are of coordinate frames with other names, unless any_frames.
    """
    if not any_frames:
        check_frames(relocalizer.bundle, dataset)
    with Task(task, dataset.frame_count, "frame") as progress:
        for sequence in dataset.sequences:
            relocalizer.reset()
            for frame in sequence.frames:
                yield frame
                progress.advance()


def estimate_all(relocalizer: PoseEstimator, dataset: Dataset, task: str, any_frames: bool = False) -> list[Estimate]:
    """Estimates of all frames in order; raises BundleError as `frames_in_order`."""
    frames = frames_in_order(relocalizer, dataset, task, any_frames)
    return [relocalizer.estimate(load_image_rgb(frame.image_path), frame.stamp_ns) for frame in frames]


def evaluate(relocalizer: PoseEstimator, dataset: Dataset, any_frames: bool = False) -> Evaluation:
    """Estimate the pose of every frame in order; raises BundleError as `frames_in_order`."""
    return score_estimates(relocalizer.bundle, dataset, estimate_all(relocalizer, dataset, "evaluate", any_frames))


def evaluate_stages(
    relocalizer: Relocalizer,
    dataset: Dataset,
    stages: Sequence[Stage],
    any_frames: bool = False,
    engine: Engine | None = None,
) -> dict[Stage, Evaluation]:
    """As `evaluate`, of each of some stages; refined alone has no pose where the landmarks gave none.

    engine: does the sequences, this process where there is none; bundle and data set lie where all of its workers see
    them.

    Raises BundleError when landmarks are needed and the bundle has none, ConfigError when the camera is not known,
    DatasetError when that of some frame is not.
    """
    if not any_frames:
        check_frames(relocalizer.bundle, dataset)
    found = estimate_sequences(relocalizer, dataset, stages, engine or Here(), "evaluate")
    return {stage: score_estimates(relocalizer.bundle, dataset, found[stage]) for stage in stages}


def score_estimates(bundle: Bundle, dataset: Dataset, estimates: list[Estimate]) -> Evaluation:
    """Errors of the estimates of all frames, beside the baselines."""
    truth, poses = dataset.poses, Poses.stack(estimate.pose for estimate in estimates)
    descriptors = np.array([estimate.descriptor for estimate in estimates])
    errors = pose_errors(poses, truth)
    nothing = np.full((6, 6), np.nan)
    covariances = np.array([nothing if e.covariance is None else e.covariance for e in estimates])
    consistency = None
    if np.isfinite(covariances).all(axis=(1, 2)).any():
        consistency = ConsistencyReport(
            normalized_squares(covariances, poses, truth),
            np.array([estimate.state for estimate in estimates]),
            errors,
            np.array([estimate.score for estimate in estimates]),
        )
    return Evaluation(
        estimates,
        errors,
        baseline_errors(bundle.index, descriptors, truth),
        int(is_training_pose(bundle.index, truth).sum()),
        consistency,
    )

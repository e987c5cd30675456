# SPDX-License-Identifier: BSD-3-Clause
"""A bundle over a data set, frame by frame as in flight, beside the baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from camera_relocalization_ros.core.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.evaluation import PoseErrors, baseline_errors, pose_errors
from camera_relocalization_ros.core.provenance import is_training_pose
from camera_relocalization_ros.core.trust_report import TrustCheck, mahalanobis_squares
from camera_relocalization_ros.inference.relocalizer import Estimate, Relocalizer


@dataclass(frozen=True)
class Evaluation:
    """Estimates and errors of all frames, and the errors of the baselines on the same frames.

    `trained_on` is the number of these frames that the bundle was trained on: errors of those say little. `trust` is
    None for a bundle without calibration.
    """

    estimates: list[Estimate]
    errors: PoseErrors
    baselines: dict[str, PoseErrors]
    trained_on: int
    trust: TrustCheck | None = None

    @property
    def warning(self) -> str:
        """What a reader of the errors must know first; empty when there is nothing."""
        if not self.trained_on:
            return ""
        return (
            f"WARNING: {self.trained_on} of {len(self.estimates)} frames have the pose of a training image of this "
            "bundle: it was trained on them, and the errors are too small"
        )


def answer_all(relocalizer: Relocalizer, dataset: Dataset, task: str) -> list[Estimate]:
    """Estimates of all frames in order, under a progress bar; raises BundleError when the poses are of other frames."""
    sidecar = relocalizer.bundle.sidecar
    if (sidecar.parent_frame, sidecar.child_frame) != (dataset.parent_frame, dataset.child_frame):
        raise BundleError(
            f"{relocalizer.bundle.path}: answers with poses of {sidecar.child_frame!r} in {sidecar.parent_frame!r}; "
            f"{dataset.path} has {dataset.child_frame!r} in {dataset.parent_frame!r}"
        )
    estimates = []
    with tqdm(total=dataset.frame_count, desc=task, unit="frame") as progress:
        for sequence in dataset.sequences:
            relocalizer.reset()
            for frame in sequence.frames:
                estimates.append(relocalizer.estimate(load_image_rgb(frame.image_path), frame.stamp_ns))
                progress.update()
    return estimates


def evaluate(relocalizer: Relocalizer, dataset: Dataset) -> Evaluation:
    """Answer every frame in order; raises BundleError when the frames of the poses differ."""
    estimates = answer_all(relocalizer, dataset, "evaluate")
    positions_gt, quats_gt = dataset.positions_quats()
    positions = np.array([estimate.position for estimate in estimates])
    quats = np.array([estimate.quat_xyzw for estimate in estimates])
    descriptors = np.array([estimate.descriptor for estimate in estimates])
    errors = pose_errors(positions, quats, positions_gt, quats_gt)
    trust = None
    if relocalizer.bundle.sidecar.calibration is not None:
        covariances = np.array([estimate.covariance for estimate in estimates])
        trust = TrustCheck(
            mahalanobis_squares(covariances, positions, quats, positions_gt, quats_gt),
            np.array([estimate.state for estimate in estimates]),
            errors,
            np.array([estimate.score for estimate in estimates]),
        )
    return Evaluation(
        estimates,
        errors,
        baseline_errors(relocalizer.bundle.index, descriptors, positions_gt, quats_gt),
        int(is_training_pose(relocalizer.bundle.index, positions_gt, quats_gt).sum()),
        trust,
    )

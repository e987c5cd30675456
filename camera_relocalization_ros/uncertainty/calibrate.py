# SPDX-License-Identifier: BSD-3-Clause
"""What a calibration is fitted to: a bundle on data that it was not trained on, and on out-of-distribution images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from camera_relocalization_ros.bundle.indicators import log_indicators
from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.errors import BundleError, DatasetError
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.provenance import is_training_pose, training_set
from camera_relocalization_ros.evaluation.evaluate import estimate_all
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.uncertainty.calibration_fit import (
    CalibrationSamples,
    Fit,
    camera_errors,
    fit,
    with_thresholds,
)
from camera_relocalization_ros.uncertainty.out_of_distribution_images import out_of_distribution_images
from camera_relocalization_ros.uncertainty.out_of_distribution_scores import (
    estimate_files,
    estimate_images,
    image_paths,
    image_scores,
)
from camera_relocalization_ros.uncertainty.stage_fit import Regressions, with_stages
from camera_relocalization_ros.uncertainty.survey_errors import with_survey_errors

MIN_FRAMES = 50
# recordings are left out one by one where there are some; else each is cut into pieces
MIN_SEQUENCES, PIECES = 3, 5
SCRAMBLED_IMAGES = 60


@dataclass(frozen=True)
class CalibrationRun:
    """A fit with thresholds, and the scores (n,) of out-of-distribution images by kind; a refused image scores 0."""

    fit: Fit
    blocks: np.ndarray
    out_of_distribution_scores: dict[str, np.ndarray]


def calibrate(
    relocalizer: Relocalizer,
    datasets: Sequence[Dataset],
    out_of_distribution: Sequence[Path | str],
    false_accept: float,
) -> CalibrationRun:
    """Fit a calibration to data sets, with thresholds by images of other things; writes nothing.

    Those images are synthetic ones and those of `out_of_distribution`: folders of images, or data sets, of other
    places. At most `false_accept` of them (0 to 1) are to be called OK. Where poses are of a survey, its own errors
    are in the covariance.

    Raises BundleError when the bundle cannot be calibrated or was trained on a frame, DatasetError when there are
    fewer than MIN_FRAMES with full windows.
    """
    if not relocalizer.bundle.has_members:
        raise BundleError(f"{relocalizer.bundle.path}: a bundle of an old version; export its run again")
    # what is missing is said before minutes are spent
    sources = {str(spec): image_paths(spec) for spec in out_of_distribution}
    regressions = [Regressions(with_survey_errors(dataset), _estimates(relocalizer, dataset)) for dataset in datasets]
    samples = calibration_samples(relocalizer.bundle, regressions)
    fitted = fit(samples, tuple(training_set(dataset) for dataset in datasets))
    estimates = estimate_images(relocalizer, synthetic_images(relocalizer, datasets))
    for name, paths in sources.items():
        estimates.update(estimate_files(relocalizer, name, paths))
    scores = {kind: image_scores(fitted.calibration, of_kind) for kind, of_kind in estimates.items()}
    calibration = with_thresholds(fitted.calibration, np.concatenate(list(scores.values())), false_accept)
    calibration = with_stages(relocalizer.bundle, calibration, regressions)
    return CalibrationRun(Fit(calibration, fitted.scores, fitted.inside), samples.blocks, scores)


def calibration_samples(bundle: Bundle, regressions: Sequence[Regressions]) -> CalibrationSamples:
    """The regressed poses from full windows; raises DatasetError as `calibrate` does."""
    parts, offset = [], 0
    pieces = 1 if sum(len(one.dataset.sequences) for one in regressions) >= MIN_SEQUENCES else PIECES
    for one in regressions:
        parts.append(_dataset_samples(bundle, one, offset, pieces))
        offset += len(one.dataset.sequences) * pieces
    samples = CalibrationSamples(
        log_indicators=np.concatenate([part.log_indicators for part in parts]),
        errors=np.concatenate([part.errors for part in parts]),
        blocks=np.concatenate([part.blocks for part in parts]),
    )
    if len(samples) < MIN_FRAMES:
        raise DatasetError(
            f"{', '.join(str(one.dataset.path) for one in regressions)}: {len(samples)} frames with full windows of "
            f"{bundle.sidecar.window_length}; expected at least {MIN_FRAMES} to calibrate"
        )
    if len(np.unique(samples.blocks)) < 2:
        raise DatasetError("all frames with full windows are of one sequence; expected two at least, or only that one")
    return samples


def _estimates(relocalizer: Relocalizer, dataset: Dataset) -> list[Estimate]:
    """The regressed poses of all frames of a data set; raises BundleError when a frame was trained on."""
    trained_on = int(is_training_pose(relocalizer.bundle.index, dataset.poses).sum())
    if trained_on:
        raise BundleError(
            f"{relocalizer.bundle.path}: was trained on {trained_on} of the {dataset.frame_count} frames of "
            f"{dataset.path}; expected data that it has not seen, whose errors are not too small"
        )
    return estimate_all(relocalizer, dataset, "calibrate")


def _dataset_samples(bundle: Bundle, regressions: Regressions, first_block: int, pieces: int) -> CalibrationSamples:
    """Those from full windows of one data set."""
    dataset, estimates = regressions.dataset, regressions.estimates
    counts = [len(sequence.frames) for sequence in dataset.sequences]
    blocks = np.concatenate(
        [first_block + number * pieces + np.arange(n) * pieces // max(n, 1) for number, n in enumerate(counts)]
    )
    whole = np.array([e.window_length == bundle.sidecar.window_length for e in estimates])
    samples = CalibrationSamples(
        np.array([log_indicators(estimate.indicators) for estimate in estimates]),
        camera_errors(Poses.stack(estimate.pose for estimate in estimates), dataset.poses),
        blocks,
    )
    return samples.select(whole)


def synthetic_images(relocalizer: Relocalizer, datasets: Sequence[Dataset]) -> Iterator[tuple[str, np.ndarray]]:
    """Kind and image of out-of-distribution images that need no other data; scrambled ones are of the data sets."""
    frames = [frame for dataset in datasets for frame in dataset.frames]
    rows = np.unique(np.linspace(0, len(frames) - 1, SCRAMBLED_IMAGES).round().astype(int))
    width, height = relocalizer.bundle.sidecar.preprocessing.whole
    # twice the network's input, because cameras send more than it takes
    scene = (load_image_rgb(frames[row].image_path) for row in rows)
    yield from out_of_distribution_images(2 * width, 2 * height, scene)

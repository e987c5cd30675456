# SPDX-License-Identifier: BSD-3-Clause
"""Data that a bundle was not trained on to its covariance and its thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import numpy as np

from camera_relocalization_ros.bundle.model_bundle import replace_error_calibration
from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.evaluation.common_motion import common_motion
from camera_relocalization_ros.evaluation.verdict import other_frame_text
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.pipelines.inputs import DataSpec, all_loaded
from camera_relocalization_ros.uncertainty.calibrate import CalibrationRun, calibrate

# frames of a data set whose poses by landmarks tell whether its frame is the bundle's
LOOKED_AT = 40


def calibrate_bundle(
    bundle: Path | str,
    datasets: DataSpec | Sequence[DataSpec],
    out_of_distribution: Sequence[Path | str] = (),
    *,
    false_accept: float = 0.01,
    progress: Progress | None = None,
) -> CalibrationRun:
    """Fit covariance and lost detection to data sets and store them in the bundle, in place of older ones.

    out_of_distribution: folders of images, or data sets, of other places, beside synthetic images;
    false_accept: the share of all those that may be called OK.
    Raises ConfigError for a false_accept that is no share, BundleError or DatasetError as `calibrate` does, and
    DatasetError where a data set has poses of another frame of that name: fitted to them, no pose would be OK.
    """
    if not 0 <= false_accept <= 1:
        raise ConfigError(f"--false-accept is {false_accept}; expected a share from 0 to 1")
    loaded = all_loaded(datasets)
    relocalizer = Relocalizer.from_bundle(Path(bundle))
    with reporting(progress):
        for dataset in loaded:
            _refuse_another_frame(relocalizer, dataset)
        calibrated = calibrate(relocalizer, loaded, out_of_distribution, false_accept)
    replace_error_calibration(relocalizer.bundle, calibrated.fit.calibration)
    return calibrated


def _refuse_another_frame(relocalizer: Relocalizer, dataset: Dataset) -> None:
    """Raise DatasetError where poses by landmarks have one motion in common by which they differ from the truth.

    Regressed poses are too far off to tell, so nothing is said of a bundle without a map, or of unknown cameras.
    """
    bundle = relocalizer.bundle
    if bundle.landmark_map is None or dataset.typical_camera is None:
        return
    staged = StagedRelocalizer(relocalizer, dataset.typical_camera)
    found = []
    for row in np.unique(np.linspace(0, dataset.frame_count - 1, LOOKED_AT).round().astype(int)):
        frame = dataset.frames[row]
        staged.reset()
        staged.use_camera(dataset.known_camera_of(frame))
        estimate = staged.estimate(load_image_rgb(frame.image_path), frame.stamp_ns)
        if estimate.stage is not Stage.REGRESSION:
            found.append((estimate.pose, frame.pose))
    relocalizer.reset()
    estimates, truth = (Poses.stack(pair[side] for pair in found) for side in (0, 1))
    limits = OkLimits().in_units(bundle.landmark_map.metre)
    motion = common_motion(estimates, truth, limits.position_m, float(np.degrees(limits.orientation_rad)))
    if motion is not None:
        name = dataset.parent_frame if motion.is_parent else dataset.child_frame
        raise DatasetError(f"{dataset.path}: {other_frame_text(motion, name, dataset.is_metric)}")

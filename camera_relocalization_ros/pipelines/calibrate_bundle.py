# SPDX-License-Identifier: BSD-3-Clause
"""Data that a bundle was not trained on to its covariance and its thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from camera_relocalization_ros.bundle.model_bundle import replace_error_calibration
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.pipelines.inputs import DataSpec, all_loaded
from camera_relocalization_ros.uncertainty.calibrate import CalibrationRun, calibrate


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
    Raises ConfigError for a false_accept that is no share, BundleError or DatasetError as `calibrate` does.
    """
    if not 0 <= false_accept <= 1:
        raise ConfigError(f"--false-accept is {false_accept}; expected a share from 0 to 1")
    loaded = all_loaded(datasets)
    relocalizer = Relocalizer.from_bundle(Path(bundle))
    with reporting(progress):
        calibrated = calibrate(relocalizer, loaded, out_of_distribution, false_accept)
    replace_error_calibration(relocalizer.bundle, calibrated.fit.calibration)
    return calibrated

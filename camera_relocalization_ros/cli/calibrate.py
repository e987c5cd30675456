# SPDX-License-Identifier: BSD-3-Clause
"""reloc calibrate: a bundle learns from data that it was not trained on how far it errs and when it is lost."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "calibrate"
HELP = "Fit a bundle's covariance and lost detection to data that it was not trained on, and store them in it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder; its calibration is replaced")
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="DATASET or DATASET@SPLIT.PART, not trained on")
    parser.add_argument(
        "--negatives",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="folders of images, or data sets, of other places; made-up images are always among the negatives",
    )
    parser.add_argument(
        "--false-accept",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="of the negatives that may be called OK (default: 0.01)",
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.bundle.model_bundle import replace_error_calibration
    from camera_relocalization_ros.core.errors import ConfigError
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.localization.relocalizer import Relocalizer
    from camera_relocalization_ros.uncertainty.calibrate import calibrate
    from camera_relocalization_ros.uncertainty.calibration_report import calibration_report

    if not 0 <= arguments.false_accept <= 1:
        raise ConfigError(f"--false-accept is {arguments.false_accept}; expected a share from 0 to 1")
    datasets = [Dataset.load(spec) for spec in arguments.datasets]
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    done = calibrate(relocalizer, datasets, arguments.negatives, arguments.false_accept)
    replace_error_calibration(relocalizer.bundle, done.fit.calibration)
    print(calibration_report(done.fit, done.blocks, done.negatives))
    return 0

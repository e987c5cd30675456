# SPDX-License-Identifier: BSD-3-Clause
"""reloc calibrate: a bundle learns from data that it was not trained on how far it errs and when it is lost."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.early_checks import check_bundle, check_data
from camera_relocalization_ros.cli.next_step import print_next

NAME = "calibrate"
HELP = "Fit a bundle's covariance and lost detection on data it was not trained on, and store them in it."
EXAMPLE = "reloc calibrate out/bundle out/calibration"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder; its calibration is replaced")
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="DATASET or DATASET@SPLIT.PART, not trained on")
    parser.add_argument(
        "--negatives",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="folders of images, or data sets, of other places; synthetic images are always added",
    )
    parser.add_argument(
        "--false-accept",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="share of the out-of-distribution images that may be called OK (default: 0.01)",
    )


def check(arguments: argparse.Namespace) -> None:
    check_bundle(arguments.bundle)
    check_data(*arguments.datasets)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.pipelines.calibrate_bundle import calibrate_bundle
    from camera_relocalization_ros.uncertainty.calibration_report import calibration_report

    calibrated = calibrate_bundle(
        arguments.bundle, arguments.datasets, arguments.negatives, false_accept=arguments.false_accept
    )
    print(calibration_report(calibrated.fit, calibrated.blocks, calibrated.out_of_distribution_scores))
    print_next(arguments, "reloc", "evaluate", arguments.bundle, "TEST_DATA", "-o", "RESULT")
    return 0

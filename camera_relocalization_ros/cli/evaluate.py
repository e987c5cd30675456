# SPDX-License-Identifier: BSD-3-Clause
"""reloc evaluate: errors of a bundle on a data set, beside the baselines."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "evaluate"
HELP = "Errors of a bundle on a data set, offline, beside what retrieval and a constant pose reach."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder")
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument(
        "--negatives",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="folders of images, or data sets, of other places: how many does a calibrated bundle accept, and the ROC",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="RESULT", help="folder for reloc compare and reloc report")
    parser.add_argument("--name", default="", help="of the result in tables (default: that of its folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the errors as JSON")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.dataset import Dataset
    from camera_relocalization_ros.core.errors import BundleError
    from camera_relocalization_ros.core.evaluation import errors_table, write_json
    from camera_relocalization_ros.core.rejection import rejection_table
    from camera_relocalization_ros.core.result_files import write_result
    from camera_relocalization_ros.inference.evaluation import evaluate
    from camera_relocalization_ros.inference.negatives import file_answers, image_paths, scores_of
    from camera_relocalization_ros.inference.offline_result import offline_result
    from camera_relocalization_ros.inference.relocalizer import Relocalizer

    dataset = Dataset.load(arguments.dataset)
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    calibration = relocalizer.bundle.sidecar.calibration
    if arguments.negatives and calibration is None:
        raise BundleError(f"{arguments.bundle}: --negatives needs a calibrated bundle; see reloc calibrate")
    negatives = {name: image_paths(name) for name in arguments.negatives}
    evaluation = evaluate(relocalizer, dataset)
    print(f"{arguments.bundle} on {arguments.dataset}: {dataset.frame_count} frames")
    if evaluation.warning:
        print(evaluation.warning)
    print(errors_table({relocalizer.bundle.sidecar.head: evaluation.errors, **evaluation.baselines}))
    if evaluation.trust is not None:
        print(evaluation.trust.table())
    if negatives:
        wrong = {name: file_answers(relocalizer, name, paths)[name] for name, paths in negatives.items()}
        scores = {name: scores_of(calibration, estimates) for name, estimates in wrong.items()}
        print(rejection_table(calibration, evaluation.trust.scores, scores))
    if arguments.output:
        name = arguments.name or arguments.output.resolve().name
        write_result(arguments.output, offline_result(name, relocalizer.bundle, dataset, arguments.dataset, evaluation))
        print(f"result: {arguments.output}")
    if arguments.json:
        baselines = {name: errors.summary() for name, errors in evaluation.baselines.items()}
        summary = {**evaluation.errors.summary(), "trained_on": evaluation.trained_on, "baselines": baselines}
        if evaluation.trust is not None:
            summary["trust"] = evaluation.trust.summary()
        write_json(arguments.json, summary)
    return 0

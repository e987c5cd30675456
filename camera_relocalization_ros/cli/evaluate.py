# SPDX-License-Identifier: BSD-3-Clause
"""reloc evaluate: errors of a bundle on a data set, beside the baselines."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camera_relocalization_ros.bundle.model_bundle import Bundle
    from camera_relocalization_ros.core.state import Stage
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.evaluation.evaluate import Evaluation
    from camera_relocalization_ros.evaluation.results import Result

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
    parser.add_argument(
        "--stages",
        metavar="STAGE,...",
        help="of regression, refined (by landmarks alone) and fused (what is published); default: fused where the "
        "bundle has a map, else regression",
    )
    parser.add_argument(
        "--any-frames",
        action="store_true",
        help="the data set names its frames otherwise than the bundle; take them as the same",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="RESULT", help="folder for reloc compare and reloc report")
    parser.add_argument("--name", default="", help="of the result in tables (default: that of its folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the errors as JSON")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.errors import BundleError
    from camera_relocalization_ros.core.output_files import write_json
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.evaluation.evaluate import evaluate_stages
    from camera_relocalization_ros.evaluation.metrics import summarise
    from camera_relocalization_ros.evaluation.rejection_table import rejection_table
    from camera_relocalization_ros.evaluation.result_files import write_result
    from camera_relocalization_ros.evaluation.summary_text import errors_table, ok_summary
    from camera_relocalization_ros.localization.landmarks.staged_relocalizer import method_name, parse_stages
    from camera_relocalization_ros.localization.relocalizer import Relocalizer
    from camera_relocalization_ros.uncertainty.out_of_distribution_scores import (
        estimate_files,
        image_paths,
        image_scores,
    )

    dataset = Dataset.load(arguments.dataset)
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    bundle = relocalizer.bundle
    calibration = bundle.sidecar.error_calibration
    if arguments.negatives and calibration is None:
        raise BundleError(f"{arguments.bundle}: --negatives needs a calibrated bundle; see reloc calibrate")
    negatives = {name: image_paths(name) for name in arguments.negatives}
    stages = parse_stages(arguments.stages, bundle)
    evaluations = evaluate_stages(relocalizer, dataset, stages, arguments.any_frames)
    by_method = {method_name(bundle, stage): evaluation for stage, evaluation in evaluations.items()}
    best = list(evaluations.values())[-1]
    print(f"{arguments.bundle} on {arguments.dataset}: {dataset.frame_count} frames")
    if best.warning:
        print(best.warning)
    results = _results(arguments, bundle, dataset, evaluations)
    # where landmarks alone gave no pose at all there is nothing to sum up
    summaries = {stage: summarise(result) if result.compared.any() else {} for stage, result in results.items()}
    for method, summary in zip(by_method, summaries.values()):
        if told := ok_summary(summary):
            print(f"{method}: {told}")
    print(errors_table({**{method: e.errors for method, e in by_method.items()}, **best.baselines}))
    for method, evaluation in by_method.items():
        if evaluation.consistency is not None:
            print(f"\n{method}\n{evaluation.consistency.table()}")
    if negatives:
        wrong = {name: estimate_files(relocalizer, name, paths)[name] for name, paths in negatives.items()}
        scores = {name: image_scores(calibration, estimates) for name, estimates in wrong.items()}
        print(rejection_table(calibration, best.consistency.scores, scores))
    if arguments.output:
        for stage, result in results.items():
            write_result(arguments.output / stage.name.lower() if len(results) > 1 else arguments.output, result)
        print(f"result: {arguments.output}")
    if arguments.json:
        baselines = {name: errors.summary() for name, errors in best.baselines.items()}
        told = {stage.name.lower(): {**each.summary(), **summaries[stage]} for stage, each in evaluations.items()}
        write_json(arguments.json, {**list(told.values())[-1], "baselines": baselines, "stages": told})
    return 0


def _results(
    arguments: argparse.Namespace, bundle: Bundle, dataset: Dataset, evaluations: dict[Stage, Evaluation]
) -> dict[Stage, Result]:
    """By stage, which is in the name where there are several."""
    from camera_relocalization_ros.evaluation.offline_result import offline_result
    from camera_relocalization_ros.localization.landmarks.staged_relocalizer import method_name

    name = arguments.name or (arguments.output or arguments.bundle).resolve().name
    names = {stage: f"{name}, {stage.name.lower()}" if len(evaluations) > 1 else name for stage in evaluations}
    return {
        stage: offline_result(names[stage], bundle, dataset, arguments.dataset, evaluation, method_name(bundle, stage))
        for stage, evaluation in evaluations.items()
    }

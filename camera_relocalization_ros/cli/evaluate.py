# SPDX-License-Identifier: BSD-3-Clause
"""reloc evaluate: errors of a bundle on a data set, beside the baselines."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from camera_relocalization_ros.cli.dask_argument import add_dask_argument
from camera_relocalization_ros.cli.early_checks import check_bundle, check_data
from camera_relocalization_ros.cli.next_step import print_next_for_bundle

if TYPE_CHECKING:
    from camera_relocalization_ros.pipelines.evaluate_bundle import BundleEvaluation

NAME = "evaluate"
HELP = "Evaluate a bundle on a data set, offline: its errors, beside the baselines retrieval and constant pose."
EXAMPLE = "reloc evaluate out/bundle out/flights@blocks.test -o out/offline"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder")
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument(
        "--negatives",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="folders of images, or data sets, of other places: how many a calibrated bundle accepts, and the ROC",
    )
    parser.add_argument(
        "--stages",
        metavar="STAGE,...",
        help="any of regression, refined (by landmarks alone), fused (as published); default: fused if the bundle has "
        "a map, else regression",
    )
    parser.add_argument(
        "--any-frames",
        action="store_true",
        help="accept a data set whose frames have other names than the bundle's",
    )
    parser.add_argument(
        "--ok-position",
        type=float,
        default=0.10,
        metavar="M",
        help="position error that OK promises to stay below, in metres or what a map takes for them (default: 0.1)",
    )
    parser.add_argument(
        "--ok-orientation", type=float, default=3.0, metavar="DEG", help="orientation error (default: 3)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="RESULT", help="folder for reloc compare and reloc report")
    parser.add_argument("--name", default="", help="name of the result in tables (default: its folder's)")
    add_dask_argument(parser, "the sequences", "bundle and data set")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the errors as JSON")


def check(arguments: argparse.Namespace) -> None:
    check_bundle(arguments.bundle)
    check_data(arguments.dataset)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.output_files import write_json
    from camera_relocalization_ros.localization.classify import OkLimits
    from camera_relocalization_ros.pipelines.evaluate_bundle import evaluate_bundle

    evaluated = evaluate_bundle(
        arguments.bundle,
        arguments.dataset,
        stages=arguments.stages,
        out_of_distribution=arguments.negatives,
        any_frames=arguments.any_frames,
        name=arguments.name or (arguments.output or arguments.bundle).resolve().name,
        ok=OkLimits.from_degrees(arguments.ok_position, arguments.ok_orientation),
        dask=arguments.dask,
    )
    print(f"{arguments.bundle} on {arguments.dataset}: {evaluated.dataset.frame_count} frames")
    print(describe(evaluated))
    if arguments.output:
        evaluated.save(arguments.output)
        print(f"result: {arguments.output}")
    if arguments.json:
        write_json(arguments.json, evaluated.to_dict())
    print_next_for_bundle(arguments, evaluated.bundle)
    return 0


def describe(evaluated: BundleEvaluation) -> str:
    """Errors of the stages beside those of the baselines, whether OK and covariances hold, and how others score."""
    from camera_relocalization_ros.evaluation.rejection_table import rejection_table
    from camera_relocalization_ros.evaluation.reliability import reliability_table
    from camera_relocalization_ros.evaluation.summary_text import errors_table, ok_summary
    from camera_relocalization_ros.evaluation.verdict import verdict_lines

    stages = evaluated.stages.values()
    lines = [evaluated.warning] if evaluated.warning else []
    lines += [f"{stage.method}: {text}" for stage in stages if (text := ok_summary(stage.summary))]
    errors = {**{stage.method: stage.evaluation.errors for stage in stages}, **evaluated.baselines}
    lines.append(errors_table(errors, evaluated.dataset.is_metric))
    lines += [f"\n{stage.method}\n{text}" for stage in stages if (text := reliability_table(stage.result))]
    is_metric = evaluated.dataset.is_metric
    tables = {stage.method: report.table(is_metric) for stage in stages if (report := stage.evaluation.consistency)}
    lines += [f"\n{method}\n{table}" for method, table in tables.items()]
    calibration, report = evaluated.bundle.sidecar.error_calibration, evaluated.published.evaluation.consistency
    if evaluated.out_of_distribution_scores and calibration is not None and report is not None:
        lines.append(rejection_table(calibration, report.scores, evaluated.out_of_distribution_scores))
    published = evaluated.published
    if published.summary:
        lines += ["", *verdict_lines(published.result, published.summary)]
    return "\n".join(lines)

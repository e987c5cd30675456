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
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the errors as JSON")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.dataset import Dataset
    from camera_relocalization_ros.core.evaluation import errors_table, write_json
    from camera_relocalization_ros.inference.evaluation import evaluate
    from camera_relocalization_ros.inference.relocalizer import Relocalizer

    dataset = Dataset.load(arguments.dataset)
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    evaluation = evaluate(relocalizer, dataset)
    print(f"{arguments.bundle} on {arguments.dataset}: {dataset.frame_count} frames")
    if evaluation.warning:
        print(evaluation.warning)
    print(errors_table({relocalizer.bundle.sidecar.head: evaluation.errors, **evaluation.baselines}))
    if arguments.json:
        baselines = {name: errors.summary() for name, errors in evaluation.baselines.items()}
        summary = {**evaluation.errors.summary(), "trained_on": evaluation.trained_on, "baselines": baselines}
        write_json(arguments.json, summary)
    return 0

# SPDX-License-Identifier: BSD-3-Clause
"""reloc export: run folder in, bundle out."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camera_relocalization_ros.data.dataset import Dataset

NAME = "export"
HELP = "Turn a finished training into an ONNX bundle, and check it against PyTorch."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished reloc train")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BUNDLE", help="folder to write")
    parser.add_argument(
        "--precision",
        choices=("fp32", "fp16", "int8"),
        default="fp32",
        help="number format of the network (default: fp32)",
    )
    parser.add_argument("--calibrate", metavar="DATASET", help="training images, which int8 takes its ranges from")
    parser.add_argument(
        "--evaluate", metavar="DATASET", help="print errors, size and time on this data, beside those of fp32"
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.training.export import export
    from camera_relocalization_ros.training.run_folder import load_run

    finished = load_run(arguments.run_folder)
    calibration = Dataset.load(arguments.calibrate) if arguments.calibrate else None
    judge = Dataset.load(arguments.evaluate) if arguments.evaluate else None
    difference = export(finished, arguments.output, arguments.precision, calibration)
    size_mb = sum(path.stat().st_size for path in arguments.output.iterdir()) / 1e6
    print(f"{arguments.output}: {size_mb:.1f} MB; ONNX Runtime differs from PyTorch by at most {difference:.1e}")
    if judge is None and arguments.precision != "fp32":
        print(f"what the errors of {arguments.precision} are beside those of fp32, --evaluate DATASET prints")
    if judge is not None:
        with tempfile.TemporaryDirectory() as folder:
            bundles = {arguments.precision: arguments.output}
            if arguments.precision != "fp32":
                export(finished, Path(folder) / "fp32")
                bundles = {"fp32": Path(folder) / "fp32", **bundles}
            print(precision_table(bundles, judge))
    return 0


def precision_table(bundles: dict[str, Path], dataset: Dataset) -> str:
    """A table in plain text: median errors, size of the network and median time per image of each bundle."""
    import numpy as np

    from camera_relocalization_ros.evaluation.evaluate import evaluate
    from camera_relocalization_ros.localization.relocalizer import Relocalizer

    lines = [f"{'precision':<10}{'position [m]':>14}{'orientation [deg]':>19}{'network [MB]':>14}{'ms per image':>14}"]
    warning = ""
    for name, path in bundles.items():
        relocalizer = Relocalizer.from_bundle(path)
        evaluation = evaluate(relocalizer, dataset)
        position_m, orientation_deg = map(np.median, (evaluation.errors.position_m, evaluation.errors.orientation_deg))
        size_mb = len(relocalizer.bundle.network) / 1e6
        time_ms = 1e3 * np.median([estimate.inference_s for estimate in evaluation.estimates])
        lines.append(f"{name:<10}{position_m:>14.4f}{orientation_deg:>19.3f}{size_mb:>14.2f}{time_ms:>14.1f}")
        warning = evaluation.warning
    return "\n".join([*lines, *([warning] if warning else [])])

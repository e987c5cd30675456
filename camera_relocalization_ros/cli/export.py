# SPDX-License-Identifier: BSD-3-Clause
"""reloc export: run folder in, bundle out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from camera_relocalization_ros.cli.early_checks import check_data, check_run_folder
from camera_relocalization_ros.cli.next_step import print_next

if TYPE_CHECKING:
    from camera_relocalization_ros.pipelines.export_bundle import PrecisionCost

NAME = "export"
HELP = "Turn a finished training run into an ONNX bundle, and check it against PyTorch."
EXAMPLE = "reloc export out/run -o out/bundle"


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


def check(arguments: argparse.Namespace) -> None:
    check_run_folder(arguments.run_folder)
    check_data(arguments.calibrate, arguments.evaluate)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.bundle.model_bundle import NEVER_OK
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.pipelines.export_bundle import export_bundle, precision_costs

    # what is missing is said before minutes are spent
    dataset = Dataset.load(arguments.evaluate) if arguments.evaluate else None
    exported = export_bundle(arguments.run_folder, arguments.output, arguments.precision, arguments.calibrate)
    difference = f"ONNX Runtime differs from PyTorch by at most {exported.parity:.1e}"
    print(f"{arguments.output}: {exported.size_bytes / 1e6:.1f} MB; {difference}")
    print(f"it is {NEVER_OK}")
    if dataset is not None:
        print(precision_table(precision_costs(exported, dataset)))
    elif arguments.precision != "fp32":
        print(f"what the errors of {arguments.precision} are beside those of fp32, --evaluate DATASET prints")
    print_next(arguments, "reloc", "map", "TRAINING_DATA", "--bundle", arguments.output, why="for poses to centimetres")
    return 0


def precision_table(costs: dict[str, PrecisionCost]) -> str:
    """A table in plain text: median errors, size of the network and median time per image of each bundle."""
    lines = [f"{'precision':<10}{'position [m]':>14}{'orientation [deg]':>19}{'network [MB]':>14}{'ms per image':>14}"]
    for name, cost in costs.items():
        size_mb, time_ms = cost.network_bytes / 1e6, 1e3 * cost.seconds_per_image
        lines.append(f"{name:<10}{cost.position_m:>14.4f}{cost.orientation_deg:>19.3f}{size_mb:>14.2f}{time_ms:>14.1f}")
    warning = list(costs.values())[-1].warning
    return "\n".join([*lines, *([warning] if warning else [])])

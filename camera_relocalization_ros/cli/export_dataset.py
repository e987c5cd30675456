# SPDX-License-Identifier: BSD-3-Clause
"""reloc export-dataset: a data set in another layout."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "export-dataset"
HELP = "Write a data set in another layout."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument("layout", choices=["tum"], help="layout to write")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to create")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.dataset import Dataset
    from camera_relocalization_ros.core.layouts.tum import export_tum

    dataset = Dataset.load(arguments.dataset)
    for folder in export_tum(dataset, arguments.output):
        print(folder)
    return 0

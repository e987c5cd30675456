# SPDX-License-Identifier: BSD-3-Clause
"""reloc export-dataset: a data set in another layout."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

NAME = "export-dataset"
HELP = "Write a data set in another layout."
# layout: module of core.layouts and its function
LAYOUTS = {
    "7scenes": ("seven_scenes", "export_seven_scenes"),
    "source": ("extract_and_sync", "export_extract_and_sync"),
    "tum": ("tum", "export_tum"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument("layout", choices=list(LAYOUTS), help="layout to write; `source` is that of extract-and-sync")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to create")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.data.dataset import Dataset

    module_name, function_name = LAYOUTS[arguments.layout]
    module = importlib.import_module(f"camera_relocalization_ros.data.layouts.{module_name}")
    for folder in getattr(module, function_name)(Dataset.load(arguments.dataset), arguments.output):
        print(folder)
    return 0

# SPDX-License-Identifier: BSD-3-Clause
"""reloc export-dataset: a data set in another layout."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from camera_relocalization_ros.core.errors import DatasetError

NAME = "export-dataset"
HELP = "Write a data set in another layout."
EXAMPLE = "reloc export-dataset out/flights tum -o out/tum"
# layout: module of core.layouts and its function
LAYOUTS = {
    "7scenes": ("seven_scenes", "export_seven_scenes"),
    "colmap": ("colmap_export", "export_colmap"),
    "source": ("extract_and_sync", "export_extract_and_sync"),
    "transforms": ("transforms_json", "export_transforms_json"),
    "tum": ("tum", "export_tum"),
}

# what a folder of one of these layouts holds
MARKS = ("seq-*", "labels", "*/labels", "groundtruth.txt", "*/groundtruth.txt", "transforms.json", "sparse/0/cameras.*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument("layout", choices=list(LAYOUTS), help="layout to write; `source` is that of extract-and-sync")
    parser.add_argument("--binary", action="store_true", help="colmap: cameras.bin and images.bin instead of texts")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to create")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.output_files import replaced_folder
    from camera_relocalization_ros.data.dataset import Dataset

    module_name, function_name = LAYOUTS[arguments.layout]
    module = importlib.import_module(f"camera_relocalization_ros.data.layouts.{module_name}")
    if arguments.binary and arguments.layout != "colmap":
        raise DatasetError(f"layout {arguments.layout} takes no option --binary")
    options = {"binary": True} if arguments.binary else {}
    dataset = Dataset.load(arguments.dataset)
    with replaced_folder(arguments.output, MARKS, arguments.overwrite, DatasetError) as target:
        folders = getattr(module, function_name)(dataset, target, **options)
    for folder in folders:
        print(arguments.output / folder.relative_to(target))
    return 0

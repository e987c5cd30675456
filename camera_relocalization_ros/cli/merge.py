# SPDX-License-Identifier: BSD-3-Clause
"""reloc merge: several data sets become one."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "merge"
HELP = "Merge several data sets into one, with their cameras, splits and counts."
EXAMPLE = "reloc merge out/monday out/tuesday -o out/flights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder to create")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.errors import DatasetError
    from camera_relocalization_ros.core.output_files import replaced_folder
    from camera_relocalization_ros.data.dataset import MANIFEST, Dataset
    from camera_relocalization_ros.data.merging import merge

    datasets = [Dataset.load(spec) for spec in arguments.datasets]
    with replaced_folder(arguments.output, (MANIFEST,), arguments.overwrite, DatasetError) as target:
        merge(datasets, target)
    merged = Dataset.load(arguments.output)
    print(f"{merged.path}: {merged.frame_count} frames in {len(merged.sequences)} sequences")
    for sequence in merged.sequences:
        print(f"  {sequence.name}: {len(sequence.frames)} frames")
    return 0

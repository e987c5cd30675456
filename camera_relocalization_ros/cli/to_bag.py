# SPDX-License-Identifier: BSD-3-Clause
"""reloc to-bag: a data set as a bag."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "to-bag"
HELP = "Write a data set as a bag: images, camera_info, TF."
EXAMPLE = "reloc to-bag out/flights -o out/again.bag"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument(
        "--raw", action="store_true", help="write Image messages (default: the files unchanged, as CompressedImage)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BAG", help="bag file to write")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.ros.bags.dataset_bag import write_dataset_bag

    dataset = Dataset.load(arguments.dataset)
    topic = write_dataset_bag(dataset, arguments.output, arguments.raw)
    print(
        f"{arguments.output}: {dataset.frame_count} images on {topic}, "
        f"TF {dataset.parent_frame} -> {dataset.child_frame}"
    )
    return 0

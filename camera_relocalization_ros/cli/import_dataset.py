# SPDX-License-Identifier: BSD-3-Clause
"""reloc import: other layouts of images and poses become a data set."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "import"
HELP = "Turn a data set of another layout into ours."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layout", choices=["7scenes"], help="layout of SOURCE")
    parser.add_argument("source", type=Path, help="folder to import; it is only read")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder to create")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.layouts.seven_scenes import import_seven_scenes

    dataset = import_seven_scenes(arguments.source, arguments.output)
    print(f"{dataset.path}: {dataset.frame_count} frames in {len(dataset.sequences)} sequences")
    return 0

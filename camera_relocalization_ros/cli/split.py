# SPDX-License-Identifier: BSD-3-Clause
"""reloc split: parts of a data set, as a file in it that other commands take as DATASET@SPLIT.PART."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "split"
HELP = "Divide a data set into parts by stretches of every N frames; other commands take DATASET@NAME.PART."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, help="data set; a file is added in its folder splits/")
    parser.add_argument("--name", default="holdout", help="name of the split (default: holdout)")
    parser.add_argument(
        "--period", type=int, required=True, metavar="N", help="frames after which the stretches repeat"
    )
    parser.add_argument(
        "--part",
        action="append",
        required=True,
        type=_part,
        metavar="NAME=FIRST-LAST",
        help="stretch of each period, by frame number, ends included; give it once per part and leave a guard gap",
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.dataset import Dataset, safe_name
    from camera_relocalization_ros.core.splits import periodic_ranges, save_split

    dataset = Dataset.load(arguments.dataset)
    parts = {
        name: {
            sequence.name: periodic_ranges([frame.number for frame in sequence.frames], arguments.period, first, last)
            for sequence in dataset.sequences
        }
        for name, first, last in arguments.part
    }
    save_split(dataset.path, safe_name(arguments.name), parts)
    for name in parts:
        spec = f"{arguments.dataset}@{arguments.name}.{name}"
        print(f"{spec}: {Dataset.load(spec).frame_count} frames")
    return 0


def _part(text: str) -> tuple[str, int, int]:
    name, _, stretch = text.partition("=")
    first, _, last = stretch.partition("-")
    if not (name.isidentifier() and first.isdigit() and last.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FIRST-LAST, for example test=65-79")
    return name, int(first), int(last)

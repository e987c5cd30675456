# SPDX-License-Identifier: BSD-3-Clause
"""reloc extract: bags in, data set out."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "extract"
HELP = "Turn bags into a data set: each image with the pose that TF has for its stamp."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="bag file; each becomes a sequence")
    parser.add_argument("--image-topic", required=True, metavar="TOPIC", help="Image or CompressedImage topic")
    parser.add_argument("--parent", required=True, metavar="FRAME", help="frame that the poses are given in")
    parser.add_argument("--child", required=True, metavar="FRAME", help="frame whose pose is wanted: the camera's")
    parser.add_argument(
        "--max-gap", type=float, default=0.1, metavar="S", help="longest stretch between two transforms (default: 0.1)"
    )
    parser.add_argument(
        "--format", choices=["jpg", "png"], default="jpg", help="of raw images; encoded ones keep their bytes"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder to create")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.ros.extraction import extract

    dataset = extract(
        arguments.bags,
        arguments.image_topic,
        arguments.parent,
        arguments.child,
        arguments.output,
        arguments.max_gap,
        arguments.format,
    )
    print(f"{dataset.path}: {dataset.frame_count} frames in {len(dataset.sequences)} sequences")
    for sequence in dataset.sequences:
        skipped = ", ".join(f"{count} {reason}" for reason, count in sorted(sequence.info["skipped"].items()))
        print(f"  {sequence.name}: {len(sequence.frames)} frames, skipped: {skipped or 'none'}")
    return 0

# SPDX-License-Identifier: BSD-3-Clause
"""reloc extract: bags in, data set out."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.bag_arguments import add_bag_arguments, bag_settings
from camera_relocalization_ros.cli.dask_argument import add_dask_argument
from camera_relocalization_ros.cli.next_step import print_next

NAME = "extract"
HELP = "Turn bags into a data set: each image with the pose at its stamp. When interrupted, the same command resumes."
EXAMPLE = (
    "reloc extract out/flight1.bag --image-topic /dji_sdk/image_raw/compressed "
    "--parent wing/base_link --child M100/camera_optical_frame -o out/flights"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bags",
        nargs="+",
        type=Path,
        metavar="BAG",
        help="bag of ROS 1, of ROS 2 (folder, .db3, .mcap), or .mcap of ROS 1; "
        "each becomes a sequence; also a URL, see docs/scaling.md",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder to create")
    add_bag_arguments(parser)
    parser.add_argument(
        "--image-delay",
        type=float,
        default=0.0,
        metavar="S",
        help="how much later images are stamped than poses of the same moment, see sync-check (default: 0)",
    )
    parser.add_argument(
        "--format", choices=["jpg", "png"], default="jpg", help="of raw or changed images; others keep their bytes"
    )
    parser.add_argument("--resize", type=_size, metavar="WxH", help="store images in another size")
    parser.add_argument("--undistort", action="store_true", help="store images without lens distortion")
    add_dask_argument(parser, "the bags", "bags and data set")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.errors import DatasetError
    from camera_relocalization_ros.core.output_files import replaced_folder
    from camera_relocalization_ros.data.dataset import MANIFEST
    from camera_relocalization_ros.pipelines.extract import extract

    with replaced_folder(arguments.output, (MANIFEST,), arguments.overwrite, DatasetError) as target:
        extracted = extract(
            arguments.bags,
            target,
            **bag_settings(arguments),
            image_format=arguments.format,
            resize=arguments.resize,
            undistort=arguments.undistort,
            image_delay_s=arguments.image_delay,
            dask=arguments.dask,
        )
    dataset = extracted.dataset
    print(f"{arguments.output}: {dataset.frame_count} frames in {len(dataset.sequences)} sequences")
    for sequence in dataset.sequences:
        counts = sorted(extracted.skipped[sequence.name].items())
        skipped = ", ".join(f"{count} {reason}" for reason, count in counts)
        print(f"  {sequence.name}: {len(sequence.frames)} frames, skipped: {skipped or 'none'}")
    print_next(arguments, "reloc", "doctor", arguments.output, why="is it fit for training")
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, for example 640x360")
    return int(width), int(height)

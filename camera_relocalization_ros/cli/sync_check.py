# SPDX-License-Identifier: BSD-3-Clause
"""reloc sync-check: how much later are images stamped than poses?"""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.bag_arguments import add_bag_arguments, bag_settings

NAME = "sync-check"
HELP = "Find the delay between a bag's images and its poses, from the motion that both show."
EXAMPLE = (
    "reloc sync-check out/flight1.bag --image-topic /dji_sdk/image_raw/compressed "
    "--parent wing/base_link --child M100/camera_optical_frame"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", type=Path, metavar="BAG", help="bag file, best with some quick turns of the camera")
    add_bag_arguments(parser)
    parser.add_argument(
        "--search",
        type=float,
        nargs=2,
        default=(-0.6, 1.0),
        metavar=("FROM", "TO"),
        help="delays to search, seconds (default: -0.6 1.0)",
    )
    parser.add_argument("--max-images", type=int, default=1500, metavar="N", help="images to look at (default: 1500)")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw what was found")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.ros.bags.delay_check import check_sync
    from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions

    options = ExtractionOptions(**bag_settings(arguments))
    check = check_sync(arguments.bag, options, tuple(arguments.search), arguments.max_images)
    if arguments.plot:
        from camera_relocalization_ros.report.figures.sync_plot import draw_sync

        draw_sync(arguments.plot, check.estimate, check.pairs, check.poses)
        print(arguments.plot)
    print(check.report())
    return 1 if check.estimate.doubt else 0

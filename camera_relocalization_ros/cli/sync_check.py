# SPDX-License-Identifier: BSD-3-Clause
"""reloc sync-check: how much later are images stamped than poses?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from camera_relocalization_ros.cli.bag_arguments import add_bag_arguments, bag_settings
from camera_relocalization_ros.cli.dask_argument import add_dask_argument

if TYPE_CHECKING:
    from camera_relocalization_ros.core.errors import RelocalizationError
    from camera_relocalization_ros.ros.bags.delay_check import SyncCheck

NAME = "sync-check"
HELP = "Find the delay between a bag's images and its poses, from the motion that both show."
EXAMPLE = (
    "reloc sync-check out/flight1.bag --image-topic /dji_sdk/image_raw/compressed "
    "--parent wing/base_link --child M100/camera_optical_frame"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bags", nargs="+", type=Path, metavar="BAG", help="bag file, best with some quick turns of the camera"
    )
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
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw what was found in the one bag")
    add_dask_argument(parser, "the bags", "bags")


def check(arguments: argparse.Namespace) -> None:
    from camera_relocalization_ros.core.errors import ConfigError

    if arguments.plot and len(arguments.bags) > 1:
        raise ConfigError(f"--plot draws one bag; {len(arguments.bags)} were given")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.fleet.engine import engine_at
    from camera_relocalization_ros.ros.bags.containers.remote_bags import shown
    from camera_relocalization_ros.ros.bags.delay_check import SyncCheck, check_bags
    from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions

    options = ExtractionOptions(**bag_settings(arguments))
    with engine_at(arguments.dask) as engine:
        checks = check_bags(arguments.bags, options, tuple(arguments.search), arguments.max_images, engine)
    if len(checks) == 1:
        return _show(checks[0], arguments.plot)
    for path, found in zip(arguments.bags, checks):
        # most errors begin with the bag's path
        text = found.report() if isinstance(found, SyncCheck) else str(found).replace(f"{shown(path)}: ", "", 1)
        print(f"{shown(path)}: {text}".replace("\n", "\n  "))
    return 0 if all(isinstance(found, SyncCheck) and not found.estimate.doubt for found in checks) else 1


def _show(found: SyncCheck | RelocalizationError, plot: Path | None) -> int:
    from camera_relocalization_ros.core.errors import RelocalizationError

    if isinstance(found, RelocalizationError):
        raise found
    if plot:
        from camera_relocalization_ros.report.figures.sync_plot import draw_sync

        draw_sync(plot, found.estimate, found.pairs, found.poses)
        print(plot)
    print(found.report())
    return 1 if found.estimate.doubt else 0

# SPDX-License-Identifier: BSD-3-Clause
"""reloc map: adds a map of landmarks to a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.dask_argument import add_dask_argument
from camera_relocalization_ros.cli.early_checks import check_bundle, check_data
from camera_relocalization_ros.cli.next_step import print_next
from camera_relocalization_ros.core.program import keep_freed_memory

NAME = "map"
HELP = "Add a map of landmarks from training images to a bundle, for poses good to centimetres."
EXAMPLE = "reloc map out/flights@blocks.train --bundle out/bundle"
# pairs of images are matched in threads; those of NumPy's products beside them wait for one another
MULTIPLIES_IN_ONE_THREAD = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "datasets", nargs="+", metavar="DATASET", help="DATASET or DATASET@SPLIT.PART: the training images"
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of reloc export; an older map is replaced")
    photographs, placements = "of up to 200 photographs", "of an object at several placements"
    own = f"with a map {photographs}"
    parser.add_argument(
        "--width",
        type=int,
        help=f"width to which training images are scaled (default: 640; {photographs} their own, at most 1280)",
    )
    parser.add_argument(
        "--features",
        type=int,
        metavar="N",
        help=f"features per training image (default: 2000; {photographs} 4000)",
    )
    parser.add_argument(
        "--query-features",
        type=int,
        metavar="N",
        help=f"features per image in flight (default: 800; {placements} 1000; {own} 4000)",
    )
    parser.add_argument(
        "--query-width",
        type=int,
        help=f"width to which images in flight are scaled (default: 480; {placements} 640; {own} its own)",
    )
    parser.add_argument(
        "--keep-camera", action="store_true", help="take the data set's intrinsics and camera frame as exact"
    )
    add_dask_argument(parser, "features and matching", "data sets")


def check(arguments: argparse.Namespace) -> None:
    check_bundle(arguments.bundle)
    check_data(*arguments.datasets)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.pipelines.build_map import build_map

    keep_freed_memory()
    built = build_map(
        arguments.bundle,
        arguments.datasets,
        width=arguments.width,
        features=arguments.features,
        flight_width=arguments.query_width,
        flight_features=arguments.query_features,
        correct_camera=not arguments.keep_camera,
        dask=arguments.dask,
    )
    print(built.report)
    print(f"{arguments.bundle}: a map of {built.size_bytes / 1e6:.1f} MB, of {built.images} images")
    print(built.verdict)
    why = "on a flight that was not trained on"
    print_next(arguments, "reloc", "calibrate", arguments.bundle, "OTHER_DATA", why=why)
    return 0

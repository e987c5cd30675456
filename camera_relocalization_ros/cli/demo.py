# SPDX-License-Identifier: BSD-3-Clause
"""reloc demo: simulate a flight the shipped model has never seen, fly the node on it, say how good it was."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.early_checks import check_bundle
from camera_relocalization_ros.cli.next_step import print_next
from camera_relocalization_ros.cli.replay import describe

NAME = "demo"
HELP = "Simulate a flight, play it into the live node, and report how good its poses were."
EXAMPLE = "reloc demo --duration 20 -o out/demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, help="bundle folder (default: the shipped models/airframe)")
    parser.add_argument("--duration", type=float, default=40.0, metavar="S", help="seconds of flight (default: 40)")
    parser.add_argument("--rate", type=float, default=10.0, metavar="HZ", help="images per second (default: 10)")
    parser.add_argument("--seed", type=int, default=1000, metavar="K", help="flight path and light (default: 1000)")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/demo"), metavar="DIR", help="folder to write")


def check(arguments: argparse.Namespace) -> None:
    check_bundle(arguments.bundle)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.pipelines.demo import PLACEMENT, demo

    flown = demo(
        arguments.output,
        bundle=arguments.bundle,
        duration_s=arguments.duration,
        rate_hz=arguments.rate,
        seed=arguments.seed,
    )
    images, bag = len(flown.replay.live.truth), flown.replay.bag
    print(f"\n{images} images of {bag}, flown at placement {PLACEMENT}, which the model has never seen:")
    print(describe(flown.replay))
    print(f"errors: {flown.errors}, picture: {flown.picture}, report: {flown.page}")
    print_next(arguments, "xdg-open", flown.page, why="the flight to turn, and the worst frames")
    return 0

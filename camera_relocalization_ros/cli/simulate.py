# SPDX-License-Identifier: BSD-3-Clause
"""reloc simulate: a flight in a simulated arena, as a bag."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.next_step import print_next

NAME = "simulate"
HELP = "Fly a simulated M100 around an airframe and record a bag."
EXAMPLE = "reloc simulate --placement 1 --duration 60 --rate 5 --compressed -o out/flight1.bag"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--placement", type=int, required=True, choices=range(1, 7), help="where the airframe stands")
    parser.add_argument("--duration", type=float, default=40.0, metavar="S", help="seconds (default: 40)")
    parser.add_argument("--rate", type=float, default=10.0, metavar="HZ", help="images per second (default: 10)")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="flight path and light (default: 0)")
    parser.add_argument("--arena-seed", type=int, default=0, metavar="K", help="the hall's looks (default: 0)")
    parser.add_argument("--width", type=int, default=1280, help="image width in pixels, 16:9 (default: 1280)")
    parser.add_argument("--compressed", action="store_true", help="record JPEG CompressedImage, not raw Image")
    parser.add_argument(
        "--object-mesh", type=Path, metavar="FILE.ply", help="also write the airframe's shape, for augmentation"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FLIGHT.bag", help="bag to write")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.ros.bags.simulation_bag import write_simulated_bag
    from camera_relocalization_ros.simulation.airframe import save_airframe_mesh
    from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

    plan = FlightPlan(
        arguments.placement,
        arguments.duration,
        arguments.rate,
        arguments.seed,
        arguments.arena_seed,
        arguments.width,
    )
    if arguments.object_mesh:
        save_airframe_mesh(arguments.object_mesh)
    count = write_simulated_bag(Recording(plan), arguments.output, arguments.compressed)
    print(f"{arguments.output}: {count} images, {arguments.output.stat().st_size / 1e6:.0f} MB")
    topic = "/dji_sdk/image_raw/compressed" if arguments.compressed else "/dji_sdk/image_raw"
    where = ("--image-topic", topic, "--parent", "wing/base_link", "--child", "M100/camera_optical_frame")
    print_next(arguments, "reloc", "extract", arguments.output, *where, "-o", "DATASET")
    return 0

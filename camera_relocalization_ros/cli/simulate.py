# SPDX-License-Identifier: BSD-3-Clause
"""reloc simulate: a flight in a simulated arena, as a bag."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from camera_relocalization_ros.cli.next_step import print_next
from camera_relocalization_ros.core.program import keep_freed_memory
from camera_relocalization_ros.simulation.world_names import DEFAULT_WORLD, WORLD_LINES

NAME = "simulate"
HELP = "Fly a simulated M100 around an airframe and record a bag."
EXAMPLE = "reloc simulate --placement 1 --duration 60 --rate 5 --compressed -o out/flight1.bag"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--placement", type=int, required=True, choices=range(1, 7), help="where the airframe stands")
    parser.add_argument("--duration", type=float, default=40.0, metavar="S", help="seconds (default: 40)")
    parser.add_argument("--rate", type=float, default=10.0, metavar="HZ", help="images per second (default: 10)")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="flight path and light (default: 0)")
    parser.add_argument("--arena-seed", type=int, default=0, metavar="K", help="appearance of the hall (default: 0)")
    parser.add_argument("--width", type=int, default=1280, help="image width in pixels, 16:9 (default: 1280)")
    parser.add_argument(
        "--world",
        choices=tuple(WORLD_LINES),
        default=DEFAULT_WORLD,
        help="scene and camera: "
        + "; ".join(f"{name}, {line}" for name, line in WORLD_LINES.items())
        + f" (default: {DEFAULT_WORLD})",
    )
    parser.add_argument(
        "--object",
        type=Path,
        metavar="FILE",
        help="glTF, OBJ or PLY with its texture, in metres, in place of the airframe; OBJ and PLY: x forward, z up",
    )
    parser.add_argument(
        "--object-scale", type=float, default=1.0, metavar="F", help="scale of that object (default: 1)"
    )
    parser.add_argument("--compressed", action="store_true", help="record JPEG CompressedImage, not raw Image")
    parser.add_argument(
        "--object-mesh",
        type=Path,
        metavar="FILE.ply",
        help="also write the object's mesh, for reloc train --object-mesh",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FLIGHT.bag", help="bag to write")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.ros.bags.simulation_bag import write_simulated_bag
    from camera_relocalization_ros.simulation.airframe import save_airframe_mesh
    from camera_relocalization_ros.simulation.recording import FlightPlan, Recording
    from camera_relocalization_ros.simulation.world import world_named

    keep_freed_memory()
    world = world_named(arguments.world)
    if arguments.object:
        from camera_relocalization_ros.simulation.airframes.object_files import object_from_file

        world = replace(world, subject=object_from_file(arguments.object, arguments.object_scale))
    plan = FlightPlan(
        arguments.placement,
        arguments.duration,
        arguments.rate,
        arguments.seed,
        arguments.arena_seed,
        arguments.width,
        world,
    )
    if arguments.object_mesh:
        save_airframe_mesh(arguments.object_mesh, world.subject())
    count = write_simulated_bag(Recording(plan), arguments.output, arguments.compressed)
    print(f"{arguments.output}: {count} images, {arguments.output.stat().st_size / 1e6:.0f} MB")
    topic = "/dji_sdk/image_raw/compressed" if arguments.compressed else "/dji_sdk/image_raw"
    where = ("--image-topic", topic, "--parent", "wing/base_link", "--child", "M100/camera_optical_frame")
    print_next(arguments, "reloc", "extract", arguments.output, *where, "-o", "DATASET")
    return 0

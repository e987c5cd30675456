# SPDX-License-Identifier: BSD-3-Clause
"""reloc kml: the flight of a bag for Google Earth."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.core.errors import BagError

NAME = "kml"
HELP = "Write the satellite positions of a bag as a KML file, for Google Earth."
EXAMPLE = "reloc kml out/flight1.bag -o out/flight1.kml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", type=Path, metavar="BAG", help="bag with satellite positions")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="KML", help="file to write")
    parser.add_argument(
        "--topic", default="dji_sdk/gps_position", help="NavSatFix topic (default: dji_sdk/gps_position)"
    )
    parser.add_argument(
        "--altitude",
        choices=["absolute", "relative", "ground"],
        default="absolute",
        help="absolute: heights as received (NavSatFix: above the ellipsoid; KML expects above the sea, see "
        "--geoid-height); relative: above the first place; ground: on the ground (default: absolute)",
    )
    parser.add_argument(
        "--geoid-height",
        type=float,
        metavar="M",
        help="height of the sea level above the ellipsoid at this place (by EGM96 or EGM2008; 48 m in Luxembourg), "
        "subtracted from the heights",
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.report.pages.kml_track import write_kml
    from camera_relocalization_ros.ros.bags.gps_trajectory import read_places
    from camera_relocalization_ros.ros.bags.reader import open_bag

    with open_bag(arguments.bag) as bag:
        stamps_ns, places, skipped = read_places(bag, arguments.topic, arguments.altitude != "ground")
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items())) or "none"
    if not places:
        raise BagError(f"{arguments.bag}: topic {arguments.topic!r} holds no good fix (skipped: {counts})")
    geoid_m = arguments.geoid_height
    write_kml(arguments.output, arguments.bag.stem, stamps_ns, places, arguments.altitude, geoid_m or 0.0)
    print(f"{arguments.output}: {len(places)} places, skipped: {counts}")
    if arguments.altitude == "absolute" and geoid_m is None:
        print("heights are as received, usually above the ellipsoid; KML takes them as above the sea (--geoid-height)")
    return 0

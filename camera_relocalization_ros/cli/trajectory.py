# SPDX-License-Identifier: BSD-3-Clause
"""reloc trajectory: the poses of one frame in another, out of a bag into a text file."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from camera_relocalization_ros.core.errors import RelocalizationError

NAME = "trajectory"
HELP = "Write a bag's poses of one frame in another as a TUM file (evo reads it)."
EXAMPLE = "reloc trajectory out/flight1.bag --parent map --child M100/base_link -o out/flight1.tum"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", type=Path, metavar="BAG", help="bag file")
    parser.add_argument("--parent", required=True, metavar="FRAME", help="frame that the poses are given in")
    parser.add_argument("--child", required=True, metavar="FRAME", help="frame whose pose is wanted")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--image-topic", metavar="TOPIC", help="poses at the stamps of these images")
    when.add_argument(
        "--stamps", type=Path, metavar="FILE", help="poses at the stamps in this file: seconds, first in each line"
    )
    parser.add_argument(
        "--sources", type=Path, metavar="FILE", help="YAML file of poses outside TF: topics, extrinsics, gimbal, GPS"
    )
    parser.add_argument(
        "--max-gap", type=float, default=0.1, metavar="S", help="longest stretch between two poses (default: 0.1)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.txt", help="file to write")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.trajectory import read_stamps, write_tum
    from camera_relocalization_ros.data.pose_stream import StreamLimits
    from camera_relocalization_ros.ros.bags.pose_sources import PoseSources
    from camera_relocalization_ros.ros.bags.reader import image_topic, open_bag, read_image_stamps
    from camera_relocalization_ros.ros.bags.transforms import BagTransforms

    sources = PoseSources.load(arguments.sources) if arguments.sources else None
    with open_bag(arguments.bag) as bag:
        limits = StreamLimits(arguments.max_gap)
        topic = image_topic(bag, arguments.image_topic)[0] if arguments.image_topic else ""
        transforms = BagTransforms.from_bag(bag, sources, image_topic=topic)
        chain = transforms.chain(arguments.parent, arguments.child, limits)
        if arguments.stamps:
            found, missing = chain.trajectory(read_stamps(arguments.stamps))
        elif topic:
            found, missing = chain.trajectory(read_image_stamps(bag, topic))
        else:
            found, missing = chain.recorded_trajectory(), Counter()
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(missing.items())) or "none"
    if not len(found):
        raise RelocalizationError(f"{arguments.bag}: no pose at any of the stamps ({counts})")
    write_tum(arguments.output, found)
    print(f"{arguments.output}: {len(found)} poses of {arguments.child} in {arguments.parent}, left out: {counts}")
    return 0

# SPDX-License-Identifier: BSD-3-Clause
"""reloc gimbal-check: which gimbal convention a bag follows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camera_relocalization_ros.data.gimbal_convention import ConventionResult

NAME = "gimbal-check"
HELP = "Find which gimbal convention a bag follows, by the camera poses in its TF."
EXAMPLE = "reloc gimbal-check out/flight1.bag --parent M100/base_link --child M100/camera_optical_frame"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", type=Path, metavar="BAG", help="bag with gimbal angles, attitude and TF")
    parser.add_argument("--parent", required=True, metavar="FRAME", help="a fixed frame, such as map")
    parser.add_argument(
        "--child",
        required=True,
        metavar="FRAME",
        help="the camera's optical frame, as other sources than DJI's gimbal give it",
    )
    parser.add_argument("--body", metavar="FRAME", help="the aircraft's frame, if it is in TF too")
    parser.add_argument(
        "--gimbal-topic", default="dji_sdk/gimbal_angle", metavar="TOPIC", help="default: dji_sdk/gimbal_angle"
    )
    parser.add_argument(
        "--attitude-topic", default="dji_sdk/attitude", metavar="TOPIC", help="default: dji_sdk/attitude"
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.ros.bags.convention_check import check_bag
    from camera_relocalization_ros.ros.bags.reader import open_bag

    topics = (arguments.gimbal_topic, arguments.attitude_topic)
    with open_bag(arguments.bag) as bag:
        result = check_bag(bag, topics, arguments.parent, arguments.child, arguments.body)
    print(table(result))
    return 0


def table(result: ConventionResult) -> str:
    """The result as text: a line for each convention, best first, and the one that fits."""
    lines = [
        f"{result.pair_count} pairs half a second apart, in which the camera turned by {result.motion_deg:.2f} deg "
        "(median)",
        f"{'convention':<20}{'camera':>10}{'body':>10}{'out of range':>15}",
    ]
    for one in result.candidates:
        body = f"{one.body_median_deg:.2f} deg" if one.body_median_deg == one.body_median_deg else "-"
        lines.append(f"{one.name:<20}{one.median_deg:>6.2f} deg{body:>10}{100 * one.out_of_range:>13.1f} %")
    answer = result.convention or f"cannot tell: {result.reason}"
    return "\n".join([*lines, f"convention: {answer}"])

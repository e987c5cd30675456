# SPDX-License-Identifier: BSD-3-Clause
"""reloc replay: a bag through the live node, against the bag's TF."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from camera_relocalization_ros.cli.early_checks import check_bags, check_bundle
from camera_relocalization_ros.cli.next_step import print_next

if TYPE_CHECKING:
    from camera_relocalization_ros.pipelines.replay import Replay

NAME = "replay"
HELP = "Play a bag into the live node and compare what it publishes with the bag's TF."
EXAMPLE = (
    "reloc replay out/bundle out/flight2.bag --image-topic /dji_sdk/image_raw/compressed "
    "--parent wing/base_link --child M100/camera_optical_frame -o out/live"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder")
    parser.add_argument("bag", type=Path, help="bag with images and TF")
    parser.add_argument("--image-topic", required=True, metavar="TOPIC", help="Image or CompressedImage topic")
    parser.add_argument("--parent", required=True, metavar="FRAME", help="frame of the true poses, as TF names it")
    parser.add_argument("--child", required=True, metavar="FRAME", help="the camera's optical frame, as TF names it")
    parser.add_argument(
        "--rate", type=float, default=1.0, metavar="R", help="speed, in multiples of real time (default: 1)"
    )
    parser.add_argument(
        "--max-gap", type=float, default=0.1, metavar="S", help="longest stretch between two transforms (default: 0.1)"
    )
    parser.add_argument(
        "--refine-first",
        action="store_true",
        help="search every image for landmarks before its pose is published, as reloc evaluate does; the bag waits for "
        "each pose, so no image is dropped",
    )
    parser.add_argument("--rviz", action="store_true", help="watch it in rviz, where that is installed")
    parser.add_argument(
        "--any-frames", action="store_true", help="accept frames that TF calls by other names than the bundle"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="RESULT", help="folder for reloc compare and reloc report")
    parser.add_argument("--name", default="", help="name of the result in tables (default: its folder's)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the errors as JSON")


def check(arguments: argparse.Namespace) -> None:
    check_bundle(arguments.bundle)
    check_bags([arguments.bag])


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.output_files import write_json
    from camera_relocalization_ros.pipelines.replay import replay

    replayed = replay(
        *(arguments.bundle, arguments.bag, arguments.image_topic, arguments.parent, arguments.child),
        rate=arguments.rate,
        max_gap_s=arguments.max_gap,
        refine_first=arguments.refine_first,
        any_frames=arguments.any_frames,
        rviz=arguments.rviz,
    )
    compared = f"{len(replayed.live.truth)} of {replayed.live.images} images compared"
    print(f"{arguments.bundle} live on {arguments.bag}: {compared}")
    if replayed.warning:
        print(replayed.warning)
    print(describe(replayed))
    if arguments.output:
        replayed.save(arguments.output, arguments.name or arguments.output.resolve().name)
        print(f"result: {arguments.output}")
    if arguments.json:
        write_json(arguments.json, replayed.to_dict())
    if arguments.output:
        page = arguments.output.with_suffix(".html")
        print_next(arguments, "reloc", "report", arguments.output, "-o", page, why="for pictures and the worst frames")
    return 0


def describe(replayed: Replay) -> str:
    """Errors of the node beside those of the baselines, how many images were answered, and how fast."""
    from camera_relocalization_ros.evaluation.reliability import reliability_table
    from camera_relocalization_ros.evaluation.summary_text import errors_table, ok_summary

    values = replayed.to_dict()
    lines = [text] if (text := ok_summary(values)) else []
    errors = errors_table({"live node": replayed.errors, **replayed.baselines})
    promise = [text] if (text := reliability_table(replayed.live.frames)) else []
    return "\n".join([*lines, errors, describe_counts(values), *promise, "", *replayed.verdicts])


def describe_counts(values: dict[str, Any]) -> str:
    """Two lines on how many images were answered and how fast, from Replay.to_dict."""
    counts = ", ".join(f"{name} {values[name]}" for name in ("lost", "dropped", "rejected"))
    times = [_milliseconds("latency", values.get("latency_s"))]
    times.append(_milliseconds("the network, in images that waited for it,", values.get("inference_s")))
    return (
        f"answered {values['answered']} of {values['images']} images ({100 * values['answered_share']:.1f} %), "
        f"{counts}\n{'; '.join(times)}"
    )


def _milliseconds(what: str, quantiles_s: dict[str, float] | None) -> str:
    if quantiles_s is None:
        return f"{what} not measured"
    return f"{what} p50 {1e3 * quantiles_s['p50']:.1f} ms, p95 {1e3 * quantiles_s['p95']:.1f} ms"

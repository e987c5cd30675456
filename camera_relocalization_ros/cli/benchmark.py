# SPDX-License-Identifier: BSD-3-Clause
"""reloc benchmark: what this computer can do with a bundle, and what to set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from camera_relocalization_ros.cli.early_checks import check_bags, check_bundle

NAME = "benchmark"
HELP = (
    "Measure a bundle on this computer: whether it is fast enough; camera rate, refinement_rate and threads that fit."
)
EXAMPLE = "reloc benchmark out/bundle --bag out/flight2.bag --camera-rate 10"
IMAGES = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder")
    parser.add_argument("--bag", type=Path, help="bag with images of the camera (default: made-up images)")
    parser.add_argument("--image-topic", metavar="TOPIC", help="image topic of the bag (default: its only one)")
    parser.add_argument(
        "--camera-rate", type=float, default=10.0, metavar="HZ", help="wanted images a second (default: 10)"
    )
    parser.add_argument(
        "--threads", type=int, nargs="+", metavar="N", help="numbers of threads to try (default: 1, 2, 4 ... cores)"
    )
    parser.add_argument(
        "--provider",
        default="CPUExecutionProvider",
        help="execution provider of ONNX Runtime (default: CPUExecutionProvider)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers as JSON")


def check(arguments: argparse.Namespace) -> None:
    check_bundle(arguments.bundle)
    check_bags([arguments.bag] if arguments.bag else [])


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.output_files import write_json
    from camera_relocalization_ros.pipelines.benchmark import advise, benchmark_bundle, benchmark_text

    images, camera = _of_bag(arguments.bag, arguments.image_topic) if arguments.bag else ([], None)
    measured = benchmark_bundle(
        arguments.bundle, images, camera=camera, threads=arguments.threads or (), provider=arguments.provider
    )
    advice = advise(measured, arguments.camera_rate)
    print(benchmark_text(measured, advice))
    if arguments.json:
        write_json(arguments.json, {**measured.to_dict(), "advice": vars(advice)})
    return 0


def _of_bag(path: Path, topic: str | None) -> tuple[list[Any], Any]:
    """The first images of a bag, and their camera where the bag tells it; raises BagError."""
    from itertools import islice

    from camera_relocalization_ros.ros.bags.reader import image_topic, only_image_topic, open_bag, read_images
    from camera_relocalization_ros.ros.bags.recorded_cameras import read_camera
    from camera_relocalization_ros.ros.conversions import message_to_rgb

    with open_bag(path) as bag:
        found = image_topic(bag, topic)[0] if topic else only_image_topic(bag)
        images = [message_to_rgb(message) for _, message in islice(read_images(bag, found), IMAGES)]
        return images, read_camera(bag, found)

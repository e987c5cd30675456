# SPDX-License-Identifier: BSD-3-Clause
"""reloc extract: bags in, data set out."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "extract"
HELP = "Turn bags into a data set: each image with the pose at its stamp. When interrupted, the same command resumes."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="bag file; each becomes a sequence")
    parser.add_argument("--image-topic", required=True, metavar="TOPIC", help="Image or CompressedImage topic")
    parser.add_argument("--parent", required=True, metavar="FRAME", help="frame that the poses are given in")
    parser.add_argument("--child", required=True, metavar="FRAME", help="frame whose pose is wanted: the camera's")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder to create")
    poses = parser.add_argument_group("poses")
    poses.add_argument(
        "--sources", type=Path, metavar="FILE", help="YAML file of poses outside TF: topics, extrinsics, gimbal, GPS"
    )
    poses.add_argument(
        "--image-delay",
        type=float,
        default=0.0,
        metavar="S",
        help="how much later images are stamped than poses of the same moment, see sync-check (default: 0)",
    )
    poses.add_argument(
        "--max-gap", type=float, default=0.1, metavar="S", help="longest stretch between two poses (default: 0.1)"
    )
    poses.add_argument(
        "--max-speed", type=float, default=22.0, metavar="M/S", help="a quicker move is a jump (default: 22, an M100)"
    )
    poses.add_argument(
        "--max-turn", type=float, default=400.0, metavar="DEG/S", help="a quicker turn is a jump (default: 400)"
    )
    images = parser.add_argument_group("images")
    images.add_argument(
        "--format", choices=["jpg", "png"], default="jpg", help="of raw or changed images; others keep their bytes"
    )
    images.add_argument("--resize", type=_size, metavar="WxH", help="store images in another size")
    images.add_argument("--undistort", action="store_true", help="store images without lens distortion")
    images.add_argument("--camera", type=Path, metavar="FILE", help="YAML file of intrinsics, instead of camera_info")
    parser.add_argument(
        "--reindex", action="store_true", help="read what is there of bags that were not closed or were cut short"
    )


def run(arguments: argparse.Namespace) -> int:
    import numpy as np

    from camera_relocalization_ros.core.camera import load_camera
    from camera_relocalization_ros.core.pose_stream import StreamLimits
    from camera_relocalization_ros.ros.extraction import ExtractionOptions, extract
    from camera_relocalization_ros.ros.pose_sources import PoseSources

    options = ExtractionOptions(
        arguments.image_topic,
        arguments.parent,
        arguments.child,
        StreamLimits(arguments.max_gap, arguments.max_speed, float(np.radians(arguments.max_turn))),
        arguments.format,
        arguments.resize,
        arguments.undistort,
        arguments.image_delay,
        load_camera(arguments.camera) if arguments.camera else None,
        PoseSources.load(arguments.sources) if arguments.sources else PoseSources(),
        arguments.reindex,
    )
    dataset = extract(arguments.bags, options, arguments.output)
    print(f"{dataset.path}: {dataset.frame_count} frames in {len(dataset.sequences)} sequences")
    for sequence in dataset.sequences:
        skipped = ", ".join(f"{count} {reason}" for reason, count in sorted(sequence.info["skipped"].items()))
        print(f"  {sequence.name}: {len(sequence.frames)} frames, skipped: {skipped or 'none'}")
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, for example 640x360")
    return int(width), int(height)

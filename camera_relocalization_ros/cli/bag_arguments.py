# SPDX-License-Identifier: BSD-3-Clause
"""The arguments that say where a bag's images and poses are: the same for every command that joins the two."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

# as core.camera has them, which loads OpenCV; a parser must not
AUTO, RECTIFICATIONS = "auto", ("auto", "raw", "rectified")
# as ros.bags.records has them, which loads rosbag
HEADER, STAMPS = "header", ("header", "receipt")


def add_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """Topic, frames, sources of poses, limits of what is trusted, intrinsics, consent to read damaged bags."""
    parser.add_argument("--image-topic", required=True, metavar="TOPIC", help="Image or CompressedImage topic")
    parser.add_argument("--parent", required=True, metavar="FRAME", help="frame that the poses are given in")
    parser.add_argument("--child", required=True, metavar="FRAME", help="frame whose pose is wanted: the camera's")
    parser.add_argument(
        "--sources", type=Path, metavar="FILE", help="YAML file of poses outside TF: topics, extrinsics, gimbal, GPS"
    )
    parser.add_argument(
        "--max-gap", type=float, default=0.1, metavar="S", help="longest stretch between two poses (default: 0.1)"
    )
    parser.add_argument(
        "--max-speed", type=float, default=22.0, metavar="M/S", help="a quicker move is a jump (default: 22, an M100)"
    )
    parser.add_argument(
        "--max-turn", type=float, default=400.0, metavar="DEG/S", help="a quicker turn is a jump (default: 400)"
    )
    parser.add_argument("--camera", type=Path, metavar="FILE", help="YAML file of intrinsics, instead of camera_info")
    parser.add_argument(
        "--camera-info", default="", metavar="TOPIC", help="camera_info to use (default: the one beside the images)"
    )
    parser.add_argument(
        "--rectification",
        choices=RECTIFICATIONS,
        default=AUTO,
        help="rectified images: P of camera_info applies, and no distortion (default: auto, by a word of "
        "the topic's name, as in image_rect)",
    )
    parser.add_argument(
        "--stamps",
        choices=STAMPS,
        default=HEADER,
        help="receipt: the times of recording, for headers without stamps (default: header)",
    )
    parser.add_argument("--reindex", action="store_true", help="also read bags that were not closed or were cut short")


def bag_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Those arguments as fields of ExtractionOptions; raises ConfigError for a file that is wrong."""
    import numpy as np

    from camera_relocalization_ros.data.camera_files import load_camera
    from camera_relocalization_ros.data.pose_stream import StreamLimits
    from camera_relocalization_ros.ros.bags.pose_sources import PoseSources

    return {
        "image_topic": arguments.image_topic,
        "parent": arguments.parent,
        "child": arguments.child,
        "limits": StreamLimits(arguments.max_gap, arguments.max_speed, float(np.radians(arguments.max_turn))),
        "camera": load_camera(arguments.camera) if arguments.camera else None,
        "camera_info_topic": arguments.camera_info,
        "rectification": arguments.rectification,
        "sources": PoseSources.load(arguments.sources) if arguments.sources else PoseSources(),
        "reindex": arguments.reindex,
        "stamps": arguments.stamps,
    }

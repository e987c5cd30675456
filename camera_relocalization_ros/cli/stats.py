# SPDX-License-Identifier: BSD-3-Clause
"""reloc stats: the mean image and the colours of a data set or a part of it."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "stats"
HELP = "Write the mean image of a data set as the network sees it, and the mean and spread of each channel."
EXAMPLE = "reloc stats out/flights@blocks.train -o out/statistics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument("--width", type=int, default=320, help="width of the network's input (default: 320)")
    parser.add_argument(
        "--square",
        action="store_true",
        help="only the square middle of each image, as with image.crop: square in a recipe",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the files")


def run(arguments: argparse.Namespace) -> int:
    import cv2
    import numpy as np

    from camera_relocalization_ros.core.output_files import write_bytes, write_json
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.data.image_statistics import image_statistics

    found = image_statistics(Dataset.load(arguments.dataset), arguments.width, arguments.square)
    values = {
        "dataset": arguments.dataset,
        "frames": found.frames,
        "channel_mean_rgb": found.channel_mean.round(4).tolist(),
        "channel_std_rgb": found.channel_std.round(4).tolist(),
    }
    write_json(arguments.output / "statistics.json", values)
    picture = np.round(found.mean_rgb).astype(np.uint8)[..., ::-1]
    write_bytes(arguments.output / "mean.png", cv2.imencode(".png", picture)[1].tobytes())
    mean, std = (" ".join(f"{value:.1f}" for value in values) for values in (found.channel_mean, found.channel_std))
    print(f"{arguments.output}: mean.png and statistics.json of {found.frames} images; R G B mean {mean}, spread {std}")
    numbers = ", ".join(f"{value:.4f}" for value in found.channel_mean)
    print(f"in a recipe, to subtract it: image: {{channel_mean_rgb: [{numbers}]}}")
    return 0

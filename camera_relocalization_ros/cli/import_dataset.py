# SPDX-License-Identifier: BSD-3-Clause
"""reloc import: other layouts of images and poses become a data set."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from camera_relocalization_ros.core.errors import DatasetError

NAME = "import"
HELP = "Convert a data set of another layout (7-Scenes, COLMAP, TUM, ...) or a video with poses."
EXAMPLE = "reloc import 7scenes redkitchen -o out/kitchen"
# layout: module of core.layouts, its function, and the options it takes
LAYOUTS = {
    "7scenes": ("seven_scenes", "import_seven_scenes", ()),
    "cambridge": ("cambridge", "import_cambridge", ("quaternion",)),
    "colmap": ("colmap", "import_colmap", ("images",)),
    "source": ("extract_and_sync", "import_extract_and_sync", ("parent_frame", "child_frame")),
    "transforms": ("transforms_json", "import_transforms_json", ()),
    "tum": ("tum", "import_tum", ("max_gap_s",)),
    "video": ("video", "import_video", ("poses", "camera", "video_start_s", "period_s", "max_gap_s")),
}
# options that are spelled otherwise than their arguments: units are no part of them
FLAGS = {"max_gap_s": "max-gap", "video_start_s": "video-start", "period_s": "every"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layout", choices=list(LAYOUTS), help="layout of SOURCE; `source` is extract-and-sync's")
    parser.add_argument("source", type=Path, help="folder to import, or video; it is only read")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder to create")
    parser.add_argument(
        "--quaternion",
        choices=["world-to-camera", "camera-to-world"],
        help="cambridge: which way the lists' rotations turn (default: world-to-camera)",
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="colmap: folder of the images (default: searched for)"
    )
    parser.add_argument(
        "--parent-frame", metavar="FRAME", help="source: frame that the poses are given in (default: world)"
    )
    parser.add_argument("--child-frame", metavar="FRAME", help="source: the camera (default: camera_optical_frame)")
    parser.add_argument(
        "--max-gap",
        dest="max_gap_s",
        type=float,
        metavar="S",
        help="tum, video: longest stretch between poses (default: 0.1)",
    )
    parser.add_argument(
        "--poses",
        type=Path,
        metavar="FILE",
        help="video: poses of the camera: TUM's list, CSV that names its columns, or DJI's .SRT (default: beside it)",
    )
    parser.add_argument("--camera", type=Path, metavar="FILE", help="video: YAML file of the intrinsics")
    parser.add_argument(
        "--video-start",
        dest="video_start_s",
        type=float,
        metavar="S",
        help="video: when it starts in the clock of the poses (default: 0)",
    )
    parser.add_argument(
        "--every", dest="period_s", type=float, metavar="S", help="video: a frame every so many seconds (default: all)"
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.output_files import replaced_folder
    from camera_relocalization_ros.data.dataset import MANIFEST, Dataset

    module_name, function_name, accepted = LAYOUTS[arguments.layout]
    options = {option for _, _, options in LAYOUTS.values() for option in options}
    given = {option: value for option in options if (value := getattr(arguments, option)) is not None}
    foreign = sorted(set(given) - set(accepted))
    if foreign:
        flag = FLAGS.get(foreign[0], foreign[0].replace("_", "-"))
        raise DatasetError(f"layout {arguments.layout} takes no option --{flag}")
    module = importlib.import_module(f"camera_relocalization_ros.data.layouts.{module_name}")
    with replaced_folder(arguments.output, (MANIFEST,), arguments.overwrite, DatasetError) as target:
        getattr(module, function_name)(arguments.source, target, **given)
    dataset = Dataset.load(arguments.output)
    print(f"{dataset.path}: {dataset.frame_count} frames in {len(dataset.sequences)} sequences")
    for sequence in dataset.sequences:
        for key, what in (("skipped", "skipped"), ("left_out_rows", "rows of poses left out")):
            counts = ", ".join(f"{count} {reason}" for reason, count in sorted(sequence.info.get(key, {}).items()))
            if counts:
                print(f"  {sequence.name}: {what}: {counts}")
    return 0

# SPDX-License-Identifier: BSD-3-Clause
"""reloc survey: pictures in, metric poses out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from camera_relocalization_ros.cli.next_step import print_next

if TYPE_CHECKING:
    from camera_relocalization_ros.data.dataset import Dataset

NAME = "survey"
HELP = "Find the poses of pictures by structure from motion, metres by tags, GPS, known distances or another data set."
EXAMPLE = "reloc survey photos --tags DICT_4X4_50 --tag-size 0.2 -o out/surveyed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        nargs="+",
        type=Path,
        metavar="SOURCE",
        help="folder of pictures that overlap, bag or video, of one scene",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder to create")
    scale = parser.add_argument_group("metres and axes, one of")
    scale.add_argument("--tags", metavar="DICT", help="tags in the pictures: DICT_4X4_50, DICT_APRILTAG_36h11, ...")
    scale.add_argument(
        "--like", metavar="DATASET", help="data set that has some of these pictures: same metres and axes"
    )
    scale.add_argument("--distances", type=Path, metavar="FILE", help="YAML file of distances between picked points")
    scale.add_argument(
        "--gps",
        action="store_true",
        help="satellite positions: EXIF of photographs, --gps-topic of bags, .SRT of videos",
    )
    parser.add_argument("--tag-size", type=float, metavar="M", help="edge of a tag's black square in metres")
    parser.add_argument(
        "--gps-topic",
        default="dji_sdk/gps_position",
        metavar="TOPIC",
        help="satellite fixes of bags, of GPS or RTK (default: dji_sdk/gps_position)",
    )
    parser.add_argument(
        "--image-topic", default="", metavar="TOPIC", help="image topic of bags (default: the only one)"
    )
    parser.add_argument(
        "--every",
        type=float,
        default=0.5,
        metavar="S",
        help="of bags and videos: seconds between two pictures (default: 0.5)",
    )
    parser.add_argument(
        "--camera",
        type=Path,
        metavar="FILE",
        help="YAML file of intrinsics (default: the bag's camera_info, else estimated)",
    )
    parser.add_argument(
        "--features", type=int, default=4096, metavar="N", help="features in a picture, at most (default: 4096)"
    )
    parser.add_argument(
        "--camera-per-folder", action="store_true", help="each folder has its own camera (default: one for all)"
    )
    parser.add_argument(
        "--object-radius",
        type=float,
        metavar="M",
        help="each SOURCE shows the object at another placement: its landmarks, within M metres of zero in the first "
        "SOURCE, align the others",
    )
    parser.add_argument("--parent-frame", default="", metavar="FRAME", help="name of the parent frame (default: scene)")
    parser.add_argument(
        "--child-frame", default="", metavar="FRAME", help="name of the camera's frame (default: camera_optical_frame)"
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.errors import ConfigError, DatasetError
    from camera_relocalization_ros.core.output_files import replaced_folder
    from camera_relocalization_ros.data.dataset import MANIFEST, Dataset
    from camera_relocalization_ros.pipelines.survey import Tags, survey

    if (arguments.tags is None) != (arguments.tag_size is None) or (arguments.tag_size or 1.0) <= 0:
        raise ConfigError("--tags and --tag-size go together: which tags, and how large in metres")
    tags = Tags(arguments.tags, arguments.tag_size) if arguments.tags else None
    with replaced_folder(arguments.output, (MANIFEST,), arguments.overwrite, DatasetError) as target:
        survey(
            arguments.sources,
            target,
            tags=tags,
            like=arguments.like,
            distances=arguments.distances,
            gps=arguments.gps,
            camera=arguments.camera,
            image_topic=arguments.image_topic,
            gps_topic=arguments.gps_topic,
            period_s=arguments.every,
            one_camera=not arguments.camera_per_folder,
            features=arguments.features,
            parent_frame=arguments.parent_frame,
            child_frame=arguments.child_frame,
            object_radius_m=arguments.object_radius,
        )
    dataset = Dataset.load(arguments.output)
    print_surveyed(dataset)
    print_next(arguments, "reloc", "doctor", arguments.output, why="is it fit for training")
    return 0


def print_surveyed(dataset: Dataset) -> None:
    """Print what is known of the errors of a surveyed data set, in the doctor's words."""
    from camera_relocalization_ros.data.doctor.survey_check import check_survey

    finding = check_survey(dataset)
    assert finding is not None, "it has just been surveyed"
    print(f"{dataset.path}: {dataset.frame_count} frames in {len(dataset.sequences)} sequences")
    print(f"{finding.level}: {finding.sentence}")

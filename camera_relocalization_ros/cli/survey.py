# SPDX-License-Identifier: BSD-3-Clause
"""reloc survey: pictures in, metric poses out."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "survey"
HELP = "Find the poses of pictures that have none, in metres by tags of known size or a data set that shares pictures."
EXAMPLE = "reloc survey photos --tags DICT_4X4_50 --tag-size 0.2 -o out/surveyed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", type=Path, metavar="IMAGES", help="folder of pictures that overlap")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder to create")
    parser.add_argument("--tags", metavar="DICT", help="tags in the pictures: DICT_4X4_50, DICT_APRILTAG_36h11, ...")
    parser.add_argument("--tag-size", type=float, metavar="M", help="edge of a tag's black square in metres")
    parser.add_argument(
        "--like", metavar="DATASET", help="data set with some of the pictures, whose poses are extended"
    )
    parser.add_argument("--features", type=int, default=4096, metavar="N", help="in a picture, at most (default: 4096)")
    parser.add_argument(
        "--camera-per-folder", action="store_true", help="each folder has its own camera (default: one for all)"
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.errors import ConfigError, DatasetError
    from camera_relocalization_ros.core.output_files import replaced_folder
    from camera_relocalization_ros.data.dataset import MANIFEST, SURVEY, Dataset
    from camera_relocalization_ros.pipelines.survey import Tags, survey

    if (arguments.tags is None) != (arguments.tag_size is None) or (arguments.tag_size or 1.0) <= 0:
        raise ConfigError("--tags and --tag-size go together: which tags, and how large in metres")
    tags = Tags(arguments.tags, arguments.tag_size) if arguments.tags else None
    with replaced_folder(arguments.output, (MANIFEST,), arguments.overwrite, DatasetError) as target:
        survey(
            arguments.images,
            target,
            tags=tags,
            like=arguments.like,
            one_camera=not arguments.camera_per_folder,
            features=arguments.features,
        )
    dataset = Dataset.load(arguments.output)
    print(f"{dataset.path}: {dataset.frame_count} frames in {len(dataset.sequences)} sequences")
    for key, value in dataset.sequences[0].info[SURVEY].items():
        print(f"  {key}: {value}")
    return 0

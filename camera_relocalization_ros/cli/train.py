# SPDX-License-Identifier: BSD-3-Clause
"""reloc train: data sets in, run folder out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from camera_relocalization_ros.cli.dask_argument import add_dask_argument
from camera_relocalization_ros.cli.early_checks import (
    check_data,
    check_recipe,
    check_run_folder,
    warn_of_forgotten_parts,
)
from camera_relocalization_ros.cli.next_step import print_next

NAME = "train"
HELP = "Train a head on cached features of a frozen backbone, or fine-tune the backbone's tail with it."
EXAMPLE = "reloc train out/flights@blocks.train --val out/flights@blocks.val -o out/run"

NOT_VALIDATED = (
    "validation is missing: how good it is on images that it has not seen is not known yet; --val watches held-out "
    "data while training, reloc evaluate tries the bundle on it"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="DATASET or DATASET@SPLIT.PART to train on")
    parser.add_argument("--val", nargs="+", default=[], metavar="DATASET", help="held-out data, watched while training")
    parser.add_argument("--backbone", help="pretrained CNN (recommended: efficientnet_lite0)")
    parser.add_argument("--head", help="regressor (recommended), spatial_lstm, temporal_gru or stateful_gru")
    parser.add_argument("--loss", help="qeh (recommended), nh, nh_canonical, geodesic, beta, ...; reloc list shows all")
    parser.add_argument(
        "--config", type=Path, metavar="FILE.yaml", help="recipe (with --finetune: changes to RUN's); flags win over it"
    )
    parser.add_argument(
        "--finetune",
        type=Path,
        metavar="RUN",
        help="start from the head of this run and train the backbone's tail with it",
    )
    parser.add_argument(
        "--object-mesh",
        type=Path,
        metavar="FILE",
        help="PLY, STL or OBJ of the object in the parent frame: half of the views get another background",
    )
    parser.add_argument("--seed", type=int, help="seed of weights, order and augmentation (recommended recipe: 0)")
    parser.add_argument("--cache", type=Path, help="folder of cached features (default: feature_cache beside RUN)")
    add_dask_argument(parser, "the caching of features", "data sets and cache")
    parser.add_argument(
        "--force", action="store_true", help="also train on frozen images (the same image while the poses move)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="folder to write")


def check(arguments: argparse.Namespace) -> None:
    check_recipe(arguments.config, arguments.backbone, arguments.head, arguments.loss)
    check_run_folder(arguments.finetune)
    check_data(*arguments.datasets, *arguments.val)
    warn_of_forgotten_parts(arguments.datasets)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.pipelines.train_model import train_model
    from camera_relocalization_ros.training.devices import process

    trained = train_model(
        arguments.datasets,
        arguments.output,
        arguments.val,
        recipe=arguments.config,
        backbone=arguments.backbone,
        head=arguments.head,
        loss=arguments.loss,
        seed=arguments.seed,
        object_mesh=arguments.object_mesh,
        finetune=arguments.finetune,
        cache=arguments.cache,
        overwrite=arguments.overwrite,
        # Lightning draws on standard output
        lightning_bars=sys.stdout.isatty() and not arguments.quiet,
        force=arguments.force,
        dask=arguments.dask,
    )
    if process().rank == 0:
        for name, value in trained.results.items():
            print(f"{name}: {value}")
        if not arguments.val:
            print(NOT_VALIDATED)
        if not trained.run.pose_head.carries_state:
            print_next(arguments, "reloc", "export", arguments.output, "-o", "BUNDLE")
    return 0

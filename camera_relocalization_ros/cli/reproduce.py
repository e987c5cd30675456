# SPDX-License-Identifier: BSD-3-Clause
"""reloc reproduce: data sets in, the thesis' tables with own numbers beside its own out."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.early_checks import check_names, check_recipe

NAME = "reproduce"
HELP = "Train the thesis' grid of networks, heads and losses on your own data, and fill its tables."
EXAMPLE = "reloc reproduce 7scenes redkitchen=out/kitchen@holdout --seeds 0 1 2 -o out/tables"
DATA = """data:
  NAME=DATASET@SPLIT     parts train and test of a split, and part val, if there is one, to watch while training
  NAME=TRAIN,TEST        each a DATASET or DATASET@SPLIT.PART
NAME is one of the thesis: chess, fire, heads, office, pumpkin, redkitchen, stairs; airframe-mixed, airframe-ind.
For another name the thesis' columns are dashes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{HELP}\n\n{DATA}"
    parser.add_argument(
        "experiment",
        choices=["7scenes", "airframe"],
        help="tables 4.5-4.9, or 4.11-4.14 and 4.17; decides where a NAME goes that the thesis does not have",
    )
    parser.add_argument("data", nargs="+", metavar="NAME=DATA", help="data sets, see above")
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="recipe (default: the thesis')")
    parser.add_argument("--backbones", nargs="+", metavar="NAME", help="default: the thesis' and efficientnet_lite0")
    parser.add_argument("--heads", nargs="+", metavar="NAME", help="default: those of the thesis' table")
    parser.add_argument("--losses", nargs="+", metavar="NAME", help="default: those of the thesis' table, and beta")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="K", help="train with each (default: 0)")
    parser.add_argument(
        "--finetune", action="store_true", help="then train the networks' last layers too, as the thesis did (slow)"
    )
    parser.add_argument("--cache", type=Path, help="folder of cached features (default: feature_cache in FOLDER)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder to write; finished cells in it stay"
    )


def check(arguments: argparse.Namespace) -> None:
    check_recipe(arguments.config)
    for what, names in (("backbone", arguments.backbones), ("head", arguments.heads), ("loss", arguments.losses)):
        check_names(what, names)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.pipelines.reproduce import RESULTS_CSV, RESULTS_JSON, TABLES, reproduce

    tables = reproduce(
        arguments.experiment,
        arguments.data,
        arguments.output,
        recipe=arguments.config,
        backbones=arguments.backbones,
        heads=arguments.heads,
        losses=arguments.losses,
        seeds=arguments.seeds,
        finetune=arguments.finetune,
        cache=arguments.cache,
    )
    print(tables.text())
    print(f"written to {arguments.output}: {TABLES}, {RESULTS_CSV}, {RESULTS_JSON}, pictures, cells")
    return 0

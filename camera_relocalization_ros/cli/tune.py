# SPDX-License-Identifier: BSD-3-Clause
"""reloc tune: data sets in, the best recipe out."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.early_checks import check_data, check_recipe

NAME = "tune"
HELP = "Search for a better recipe: random or TPE, on held-out data, on one machine or several."
EXAMPLE = "reloc tune out/flights@blocks.train --val out/flights@blocks.val --space space.yaml -o out/study"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="DATASET or DATASET@SPLIT.PART to train on")
    parser.add_argument("--val", nargs="+", required=True, metavar="DATASET", help="held-out data to judge by")
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="recipe to begin with (default: recommended)")
    parser.add_argument(
        "--space", type=Path, metavar="FILE.yaml", help="parameters to search (default: config/training/search.yaml)"
    )
    parser.add_argument(
        "--trials", type=int, default=30, metavar="N", help="trials in the study, earlier ones included (default: 30)"
    )
    parser.add_argument("--sampler", default="tpe", help="tpe (default) or random, as in the thesis")
    parser.add_argument(
        "--objective",
        default="relative",
        help="error to minimise: median errors relative to a constant pose (relative, the default), position or "
        "orientation",
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="where the study is kept: URL of a database, or a journal file in a folder that several machines share "
        "(default: study.db in FOLDER)",
    )
    parser.add_argument(
        "--study", default="tune", metavar="NAME", help="name of the study in the storage (default: tune)"
    )
    parser.add_argument("--timeout", type=float, metavar="MIN", help="start no new trial after this many minutes")
    parser.add_argument("--seed", type=int, default=0, help="seed of the search, not of the recipe (default: 0)")
    parser.add_argument("--no-pruning", action="store_true", help="train hopeless trials to the end")
    parser.add_argument("--cache", type=Path, help="folder of cached features (default: feature_cache in FOLDER)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder to write")


def check(arguments: argparse.Namespace) -> None:
    check_recipe(arguments.config)
    check_data(*arguments.datasets, *arguments.val)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.errors import ConfigError
    from camera_relocalization_ros.core.output_files import writing
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.training.config import load_config
    from camera_relocalization_ros.training.search.search_space import load_search_space
    from camera_relocalization_ros.training.search.study_results import BEST, best_table, best_trials
    from camera_relocalization_ros.training.search.tuning import Search, open_study, search

    recipe, space = load_config(arguments.config), load_search_space(arguments.space)
    task = Search(
        [Dataset.load(spec) for spec in arguments.datasets],
        [Dataset.load(spec) for spec in arguments.val],
        recipe,
        space,
        arguments.cache or arguments.output / "feature_cache",
        arguments.objective,
    )
    # the first epochs tell little: a schedule may still be warming up
    prune_after = None if arguments.no_pruning else recipe.optimiser.epochs // 4
    with writing(arguments.output, ConfigError):
        arguments.output.mkdir(parents=True, exist_ok=True)
    storage = arguments.storage or f"sqlite:///{arguments.output.resolve() / 'study.db'}"
    study = open_study(storage, arguments.study, prune_after)
    timeout_s = None if arguments.timeout is None else 60 * arguments.timeout
    try:
        search(study, task, arguments.output, arguments.trials, arguments.sampler, arguments.seed, timeout_s)
    finally:
        # what is done is printed after Ctrl-C as well
        if best_trials(study):
            print(best_table(study))
    if not best_trials(study):
        problems = [trial.user_attrs.get("problem") for trial in study.trials]
        raise ConfigError(f"none of {len(problems)} trials was trained to the end; the last said: {problems[-1:]}")
    print(f"best recipe: {arguments.output / BEST}, for reloc train --config")
    return 0

# SPDX-License-Identifier: BSD-3-Clause
"""reloc reproduce: data sets in, the thesis' tables with own numbers beside its own out."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.shipped_files import shipped_file

if TYPE_CHECKING:
    from camera_relocalization_ros.report.tables.thesis_tables import Reproduction
    from camera_relocalization_ros.training.config import TrainingConfig
    from camera_relocalization_ros.training.reproduction import Cell, GridData

NAME = "reproduce"
HELP = "Train the thesis' grid of networks, heads and losses on own data and print its tables beside ours."
DATA = """data:
  NAME=DATASET@SPLIT     parts train and test of a split; part val, where it has one, is watched while training
  NAME=TRAIN,TEST        two of DATASET or DATASET@SPLIT.PART
NAME is the thesis': chess, fire, heads, office, pumpkin, redkitchen, stairs; airframe-mixed, airframe-ind.
Another name is fine and has a dash in place of the thesis' numbers.

example: reloc reproduce 7scenes redkitchen=out/kitchen@holdout --seeds 0 1 2 -o out/tables
"""
# networks of the thesis first; the last is for those who have none of their weights
BACKBONES = (
    "googlenet_imagenet",
    "googlenet_places365",
    "inception_resnet_v2_imagenet",
    "vgg16_hybrid1365",
    "efficientnet_lite0",
)
TABLES, RESULTS_CSV, RESULTS_JSON = "tables.md", "results.csv", "results.json"
logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{HELP}\n\n{DATA}"
    parser.add_argument("experiment", choices=["7scenes", "airframe"], help="tables 4.5-4.9, or 4.11-4.14 and 4.17")
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


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.evaluation.thesis_grid import Combination, methods_for
    from camera_relocalization_ros.report.tables.thesis_tables import Reproduction, report
    from camera_relocalization_ros.training.config import load_config
    from camera_relocalization_ros.training.reproduction import Cell, run_baselines, run_cell

    config_path = arguments.config or _thesis_recipe()
    recipe = load_config(config_path)
    data = [_data(text) for text in arguments.data]
    _refuse_twins([part.name for part in data])
    backbones, skipped = _usable(arguments.backbones)
    found = Reproduction(arguments.experiment, tuple(part.name for part in data), backbones, skipped=skipped)
    notes = _notes(config_path, recipe, data, arguments.finetune)
    # the first seed fills all tables before the second begins
    cells = [
        (part, Cell.below(arguments.output / "cells", Combination(part.name, backbone, head, loss), seed))
        for seed in dict.fromkeys(arguments.seeds)
        for part in data
        for backbone in backbones
        for head, loss in methods_for(part.name, arguments.heads, arguments.losses)
    ]
    cache = arguments.cache or arguments.output / "feature_cache"
    finished = []
    for number, (part, cell) in enumerate(cells, start=1):
        logger.info("cell %d of %d: %s, seed %d", number, len(cells), cell.combination, cell.seed)
        summary = run_cell(cell, part, recipe, cache, arguments.finetune)
        medians = summary["position_m"]["median"], summary["orientation_deg"]["median"]
        logger.info("cell %d of %d: median %.3f m, %.2f deg", number, len(cells), *medians)
        _add(found, cell, summary, run_baselines(cell, part, cache))
        # what is finished survives a kill
        _write(found, arguments.output, notes)
        finished.append(cell)
    _draw_histograms(finished, arguments.output / "histograms")
    print(report(found, notes))
    print(f"written to {arguments.output}: {TABLES}, {RESULTS_CSV}, {RESULTS_JSON}, histograms, cells")
    return 0


def _add(found: Reproduction, cell: Cell, summary: dict[str, Any], baselines: dict[str, dict[str, Any]]) -> None:
    key = cell.combination
    found.summaries.setdefault(key, []).append(summary)
    found.baselines[key.data_set, key.backbone] = baselines


def _write(found: Reproduction, output: Path, notes: list[str]) -> None:
    from camera_relocalization_ros.core.output_files import write_json, write_text
    from camera_relocalization_ros.report.tables.thesis_tables import csv_text, report, to_dict

    write_json(output / RESULTS_JSON, to_dict(found))
    write_text(output / TABLES, report(found, notes))
    write_text(output / RESULTS_CSV, csv_text(found))


def _draw_histograms(cells: list[Cell], folder: Path) -> None:
    """One picture for each data set and network, of the first seed."""
    from camera_relocalization_ros.report.figures.error_histograms import plot_error_histograms
    from camera_relocalization_ros.training.reproduction import load_errors

    pictures: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in cells:
        key = cell.combination
        lines = pictures.setdefault((key.data_set, key.backbone), {})
        lines.setdefault(f"{key.head}, {key.loss}", load_errors(cell))
    for (data_set, backbone), errors in pictures.items():
        plot_error_histograms(folder / f"{data_set}-{backbone}.png", f"{data_set}, {backbone}", errors)


def _data(text: str) -> GridData:
    from camera_relocalization_ros.data.dataset import Dataset, safe_name
    from camera_relocalization_ros.data.splits import load_split
    from camera_relocalization_ros.training.reproduction import GridData

    name, equals, rest = text.partition("=")
    path, at, split = rest.rpartition("@")
    specs = rest.split(",")
    if equals and len(specs) == 2 and all(specs):
        parts = dict(zip(("train", "test"), specs))
    elif equals and path and at and split and "." not in split:
        parts = {part: f"{rest}.{part}" for part in load_split(Path(path), split)}
        if not {"train", "test"} <= set(parts):
            raise DatasetError(f"{rest}: the split has the parts {sorted(parts)}; expected train and test")
    else:
        raise DatasetError(f"{text!r} is no data; expected NAME=DATASET@SPLIT or NAME=TRAIN,TEST")
    val = Dataset.load(parts["val"]) if "val" in parts else None
    return GridData(safe_name(name), Dataset.load(parts["train"]), val, Dataset.load(parts["test"]))


def _refuse_twins(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DatasetError(f"data {name!r} is given {names.count(name)} times; expected every name once")


def _usable(asked: list[str] | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Backbones with weights, and why the others have none."""
    from camera_relocalization_ros.training.backbones import BACKBONES as KNOWN
    from camera_relocalization_ros.training.reproduction import missing_weights

    reasons = {backbone: missing_weights(backbone) for backbone in asked or BACKBONES}
    for backbone in asked or ():
        # a slip of the pen is no network that waits for its weights
        if backbone not in KNOWN:
            raise ConfigError(reasons[backbone])
    skipped = {backbone: reason for backbone, reason in reasons.items() if reason}
    for backbone, reason in skipped.items():
        logger.warning("%s is skipped: %s", backbone, reason)
    usable = tuple(backbone for backbone in reasons if backbone not in skipped)
    if not usable:
        raise ConfigError(f"no backbone with weights; {'; '.join(f'{b}: {r}' for b, r in skipped.items())}")
    return usable, skipped


def _thesis_recipe() -> Path:
    return shipped_file("config/training/thesis.yaml")


def _notes(config_path: Path, recipe: TrainingConfig, data: list[GridData], finetune: bool) -> list[str]:
    from camera_relocalization_ros.evaluation.thesis_grid import DATA_SETS

    known = [name for names in DATA_SETS.values() for name in names]
    steps = "heads on frozen networks"
    steps += ", then their last layers with them" if finetune else ", where the thesis trained their last layers too"
    notes = [f"Recipe: {config_path.name}; {steps}."]
    for part in data:
        used = part.for_recipe(recipe, finetune)
        watched = f", {used.val.frame_count} watched while training" if used.val else ""
        notes.append(f"{part.name}: {used.train.frame_count} frames train{watched}, {used.test.frame_count} test.")
        if part.name not in known:
            notes.append(f"{part.name} is no data set of the thesis, which has {', '.join(known)}.")
    return notes

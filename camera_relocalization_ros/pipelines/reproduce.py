# SPDX-License-Identifier: BSD-3-Clause
"""Own data sets to the thesis' tables, with own numbers beside its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.output_files import write_json, write_text
from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.core.shipped_files import shipped_file
from camera_relocalization_ros.data.dataset import Dataset, safe_name
from camera_relocalization_ros.data.splits import load_split
from camera_relocalization_ros.evaluation.thesis_grid import SIZES, Combination, methods_for
from camera_relocalization_ros.pipelines.reproduce_pictures import draw_pictures
from camera_relocalization_ros.report.figures.error_histograms import plot_error_histograms
from camera_relocalization_ros.report.tables.thesis_tables import (
    Reproduction,
    csv_text,
    method_name,
    report,
    to_dict,
)
from camera_relocalization_ros.training.backbones import BACKBONES as KNOWN
from camera_relocalization_ros.training.config import TrainingConfig, load_config
from camera_relocalization_ros.training.reproduction import (
    Cell,
    GridData,
    load_errors,
    missing_weights,
    run_baselines,
    run_cell,
)

# networks of the thesis first; the last is for those who have none of their weights
BACKBONES = (
    "googlenet_imagenet",
    "googlenet_places365",
    "inception_resnet_v2_imagenet",
    "vgg16_hybrid1365",
    "efficientnet_lite0",
)
TABLES, RESULTS_CSV, RESULTS_JSON, HISTOGRAMS, CELLS = "tables.md", "results.csv", "results.json", "histograms", "cells"
THESIS_RECIPE = "config/training/thesis.yaml"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReproducedTables:
    """The numbers of all cells, what a reader must know of them, and the folder where all of it was written."""

    numbers: Reproduction
    notes: list[str]
    output: Path

    def text(self) -> str:
        """The tables in Markdown."""
        return report(self.numbers, self.notes)


def reproduce(
    experiment: str,
    data: Sequence[str | GridData],
    output: Path | str,
    *,
    recipe: Path | str | None = None,
    backbones: Sequence[str] | None = None,
    heads: Sequence[str] | None = None,
    losses: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    finetune: bool = False,
    cache: Path | str | None = None,
    progress: Progress | None = None,
) -> ReproducedTables:
    """Train every combination of data, backbone, head, loss and seed, test it, and write the thesis' tables.

    experiment: 7scenes or airframe. data: NAME=DATASET@SPLIT or NAME=TRAIN,TEST. recipe: a YAML file, else the
    thesis'. What is None is as in the thesis. Cells that are finished in `output` are not trained again; `cache` is
    the folder of features (default: feature_cache in it).
    Raises ConfigError, DatasetError or RelocalizationError.
    """
    output, file = Path(output), Path(recipe) if recipe is not None else shipped_file(THESIS_RECIPE)
    config = load_config(file)
    parts = [grid_data(part) if isinstance(part, str) else part for part in data]
    _refuse_twins([part.name for part in parts])
    usable, skipped = _usable(backbones)
    numbers = Reproduction(experiment, tuple(part.name for part in parts), usable, skipped=skipped)
    tables = ReproducedTables(numbers, _notes(file, config, parts, finetune), output)
    cells = _cells(output, parts, usable, seeds, heads, losses)
    with reporting(progress):
        _fill(tables, cells, file, Path(cache) if cache is not None else output / "feature_cache", finetune)
    _draw_histograms(cells, output / HISTOGRAMS)
    draw_pictures(cells, output)
    return tables


def grid_data(text: str) -> GridData:
    """The data of NAME=DATASET@SPLIT or NAME=TRAIN,TEST; raises DatasetError."""
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


def _cells(
    output: Path,
    data: Sequence[GridData],
    backbones: Sequence[str],
    seeds: Sequence[int],
    heads: Sequence[str] | None,
    losses: Sequence[str] | None,
) -> list[tuple[GridData, Cell]]:
    """What is to be trained, in order: the first seed fills all tables before the second begins."""
    return [
        (part, Cell.below(output / CELLS, Combination(part.name, backbone, head, loss), seed))
        for seed in dict.fromkeys(seeds)
        for part in data
        for backbone in backbones
        for head, loss in methods_for(part.name, heads, losses)
    ]


def _fill(
    tables: ReproducedTables, cells: list[tuple[GridData, Cell]], recipe: Path, cache: Path, finetune: bool
) -> None:
    for number, (part, cell) in enumerate(cells, start=1):
        logger.info("cell %d of %d: %s, seed %d", number, len(cells), cell.combination, cell.seed)
        # a recipe may tell other numbers for some networks and heads
        config = load_config(recipe, backbone=cell.combination.backbone, head=cell.combination.head)
        summary = run_cell(cell, part, config, cache, finetune)
        medians = summary["position_m"]["median"], summary["orientation_deg"]["median"]
        logger.info("cell %d of %d: median %.3f m, %.2f deg", number, len(cells), *medians)
        key = cell.combination
        tables.numbers.summaries.setdefault(key, []).append(summary)
        tables.numbers.baselines[key.data_set, key.backbone] = run_baselines(cell, part, cache)
        # what is finished survives a kill
        _write(tables)


def _write(tables: ReproducedTables) -> None:
    output = tables.output
    write_json(output / RESULTS_JSON, to_dict(tables.numbers))
    write_text(output / TABLES, tables.text())
    write_text(output / RESULTS_CSV, csv_text(tables.numbers))


def _draw_histograms(cells: list[tuple[GridData, Cell]], folder: Path) -> None:
    """One picture for each data set and network, of the first seed."""
    pictures: dict[tuple[str, str], dict[str, Any]] = {}
    is_metric = {}
    for data, cell in cells:
        key = cell.combination
        is_metric[key.data_set] = data.test.is_metric
        lines = pictures.setdefault((key.data_set, key.backbone), {})
        lines.setdefault(method_name(key.head, key.loss), load_errors(cell))
    for (data_set, backbone), errors in pictures.items():
        path = folder / f"{data_set}-{backbone}.png"
        plot_error_histograms(path, f"{data_set}, {backbone}", errors, is_metric[data_set])


def _refuse_twins(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DatasetError(f"data {name!r} is given {names.count(name)} times; expected every name once")


def _usable(asked: Sequence[str] | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Backbones with weights, and why the others have none."""
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


def _notes(recipe: Path, config: TrainingConfig, data: list[GridData], finetune: bool) -> list[str]:
    steps = "heads on frozen networks"
    steps += ", then their last layers with them" if finetune else ", where the thesis trained their last layers too"
    notes = [f"Recipe: {recipe.name}; {steps}."]
    for part in data:
        used = part.for_recipe(config, finetune)
        watched = f", {used.val.frame_count} watched while training" if used.val else ""
        notes.append(f"{part.name}: {used.train.frame_count} frames train{watched}, {used.test.frame_count} test.")
        if part.name in SIZES:
            train, test = SIZES[part.name]
            notes[-1] += f" Of the thesis' images {train} train, {test} test."
        else:
            notes.append(f"{part.name} is no data set of the thesis, which has {', '.join(SIZES)}.")
        if not part.test.is_metric:
            notes.append(f"{part.name} is a scene of unknown scale: its positions are in its units, not in metres.")
    return notes

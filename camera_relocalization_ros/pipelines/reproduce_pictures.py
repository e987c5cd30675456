# SPDX-License-Identifier: BSD-3-Clause
"""The thesis' tables that are pictures: of the data (4.2, 4.3), trajectories (4.15), saliency (4.10 and 4.16)."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import numpy as np

from camera_relocalization_ros.core.pose_errors import length_text, length_unit
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.report.figures.best_and_worst import draw_best_and_worst
from camera_relocalization_ros.report.figures.canvas import save_figure
from camera_relocalization_ros.report.figures.saliency_figures import Row, draw_saliency
from camera_relocalization_ros.report.figures.sequence_examples import draw_examples
from camera_relocalization_ros.report.tables.thesis_tables import method_name
from camera_relocalization_ros.training.explain.explained_pose import ExplainedFrames
from camera_relocalization_ros.training.explain.saliency import ALL_METHODS, AS_THESIS, saliency
from camera_relocalization_ros.training.heads import HEADS
from camera_relocalization_ros.training.reproduction import Cell, GridData, load_errors, load_estimates
from camera_relocalization_ros.training.run_folder import load_run

TRAJECTORIES, SALIENCY, EXAMPLES = "trajectories", "saliency", "examples"
# what the thesis draws both of
OF_THE_THESIS = ("spatial_lstm", "qeh")
# the gradient as it is, and the sharpest of its pictures
METHODS = ("gradient", "guided_smoothgrad")


def draw_pictures(cells: Sequence[tuple[GridData, Cell]], output: Path) -> None:
    """One of each kind for each data set and network, of Spatial-LSTM with QEH where it was trained, first seed.

    A head that carries a state sees more than one window of images: it has no picture of saliency. What lies there is
    kept: a finished cell is never trained again.
    """
    for (data_set, backbone), (data, cell) in _shown(cells).items():
        example = output / EXAMPLES / f"{data_set}.png"
        if not example.is_file():
            save_figure(draw_examples({"train": data.train, "test": data.test}, data_set), example)
        name = f"{data_set}-{backbone}.png"
        estimates = load_estimates(cell)
        if estimates is not None and not (output / TRAJECTORIES / name).is_file():
            figure = draw_best_and_worst(data.test, estimates, load_errors(cell), _title(cell))
            save_figure(figure, output / TRAJECTORIES / name)
    explained = [(data, cell) for data, cell in cells if not HEADS[cell.combination.head].carries_state]
    for (data_set, backbone), (data, cell) in _shown(explained).items():
        path = output / SALIENCY / f"{data_set}-{backbone}.png"
        if not path.is_file():
            _draw_saliency(cell, data.test, path)


def _title(cell: Cell) -> str:
    key = cell.combination
    return f"{key.data_set}, {key.backbone}, {method_name(key.head, key.loss)}"


def _shown(cells: Sequence[tuple[GridData, Cell]]) -> dict[tuple[str, str], tuple[GridData, Cell]]:
    shown: dict[tuple[str, str], tuple[GridData, Cell]] = {}
    # False comes first
    for data, cell in sorted(cells, key=lambda pair: not _is_of_the_thesis(pair[1])):
        shown.setdefault((cell.combination.data_set, cell.combination.backbone), (data, cell))
    return shown


def _is_of_the_thesis(cell: Cell) -> bool:
    return (cell.combination.head, cell.combination.loss) == OF_THE_THESIS


def _draw_saliency(cell: Cell, dataset: Dataset, path: Path) -> None:
    """The test frame of the median position error: position and orientation, in the settings of the thesis."""
    errors = load_errors(cell)
    row = int(np.argsort(errors.position_m)[len(errors.position_m) // 2])
    frames = ExplainedFrames(load_run(cell.folder), dataset)
    image, rows = frames.image(row), []
    for name in METHODS:
        maps = {what: saliency(name, explained, image, AS_THESIS) for what, explained in frames.explained(row).items()}
        units = {"position": f"{length_unit(dataset.is_metric)} per grey level", "orientation": "deg per grey level"}
        rows.append(Row(ALL_METHODS[name].title, maps, units))
    off = f"{length_text(errors.position_m[row], dataset.is_metric)} and {errors.orientation_deg[row]:.1f} deg off"
    frame = f"{_frame_name(dataset, row)}, {off}"
    save_figure(draw_saliency(image, rows, f"{_title(cell)}: {frame}"), path)


def _frame_name(dataset: Dataset, row: int) -> str:
    """Sequence and number of a frame, of which `row` is the place in the data set."""
    names = [f"{sequence.name}, image {frame.number}" for sequence in dataset.sequences for frame in sequence.frames]
    return names[row]

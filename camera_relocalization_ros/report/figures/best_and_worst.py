# SPDX-License-Identifier: BSD-3-Clause
"""Stretches of a test that went best and worst, from above, as the thesis' table 4.15 has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, length_unit
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.report.figures.canvas import new_figure, title_figure, wrapped
from camera_relocalization_ros.report.figures.style import ESTIMATE, GRID, LINK, TRUTH

WIDTH = 11.0
# three of each are shown, of about so many
SHOWN, STRETCHES, FEWEST_FRAMES = 3, 12, 2
# between neighbours of one stretch at most so many times as long as between most
GAP_STEPS = 4


@dataclass(frozen=True)
class Stretch:
    """Frames of one sequence without a gap: rows (n,) of the data set, and the medians of their errors."""

    name: str
    rows: np.ndarray
    position_m: float
    orientation_deg: float

    def title(self, is_metric: bool) -> str:
        """Its name and errors."""
        unit = length_unit(is_metric)
        return f"{self.name}: median {self.position_m:.2f} {unit}, {self.orientation_deg:.1f} deg"


def best_and_worst(dataset: Dataset, errors: PoseErrors) -> tuple[list[Stretch], list[Stretch]]:
    """At most three stretches of the lowest median position error, best first, and of the highest, worst first.

    No stretch is among both; of a data set with a single one there is no worst.
    """
    ranked = sorted(_stretches(dataset, errors), key=lambda stretch: stretch.position_m)
    worst = min(SHOWN, len(ranked) // 2)
    return ranked[: min(SHOWN, len(ranked) - worst)], ranked[len(ranked) - worst :][::-1]


def draw_best_and_worst(dataset: Dataset, estimates: Poses, errors: PoseErrors, title: str) -> Figure:
    """Two columns of stretches seen along -z, truth green and estimates red: on the left what went best."""
    columns = best_and_worst(dataset, errors)
    lines = max(map(len, columns))
    figure = new_figure(WIDTH, 3.6 * lines + 0.5)
    title_figure(figure, f"{title}: from above, best (left) and worst stretches by position")
    grid = figure.subplots(lines, 2, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for column, stretches in enumerate(columns):
        for axes, stretch in zip(grid[:, column], stretches):
            axes.set_visible(True)
            _draw(axes, dataset.poses.positions[stretch.rows], estimates.positions[stretch.rows])
            unit = length_unit(dataset.is_metric)
            axes.set(xlabel=f"x [{unit}]", ylabel=f"y [{unit}]")
            axes.set_title(wrapped(stretch.title(dataset.is_metric), WIDTH / 2 - 0.5), fontsize="small")
    grid[0, 0].legend(fontsize="small")
    return figure


def _stretches(dataset: Dataset, errors: PoseErrors) -> Iterator[Stretch]:
    length, begin = max(dataset.frame_count // STRETCHES, FEWEST_FRAMES), 0
    for sequence in dataset.sequences:
        for rows in _without_gaps(sequence):
            for some in np.array_split(rows, max(len(rows) // length, 1)):
                first, last = (sequence.frames[row].number for row in some[[0, -1]])
                name = f"{sequence.name}, images {first} to {last}"
                chosen = begin + some
                medians = np.median(errors.position_m[chosen]), np.median(errors.orientation_deg[chosen])
                yield Stretch(name, chosen, *map(float, medians))
        begin += len(sequence.frames)


def _without_gaps(sequence: Sequence) -> list[np.ndarray]:
    """Rows of the frames between two gaps, where a split left others out."""
    steps = np.diff([frame.stamp_ns for frame in sequence.frames])
    # of no steps the median is no number, and says so
    gaps = np.flatnonzero(steps > GAP_STEPS * np.median(steps)) + 1 if len(steps) else np.empty(0, dtype=int)
    return [rows for rows in np.split(np.arange(len(sequence.frames)), gaps) if len(rows)]


def _draw(axes: Axes, truth_n3: np.ndarray, found_n3: np.ndarray) -> None:
    true_xy, found_xy = truth_n3[:, :2], found_n3[:, :2]
    # NaN lifts the pen between two links
    links = np.stack([true_xy, found_xy, np.full_like(true_xy, np.nan)], axis=1)
    axes.plot(*links.reshape(-1, 2).T, color=LINK, linewidth=0.5)
    axes.plot(*true_xy.T, color=TRUTH, marker=".", label="truth")
    axes.plot(*found_xy.T, color=ESTIMATE, marker=".", linewidth=0.8, label="estimate")
    # a camera that stood still shows its errors too
    axes.set_aspect("equal", adjustable="datalim")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.grid(color=GRID)

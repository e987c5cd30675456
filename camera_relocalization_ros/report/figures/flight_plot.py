# SPDX-License-Identifier: BSD-3-Clause
"""One picture of a flight: from above and by its errors over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.report.figures.canvas import new_figure, save_figure, title_figure
from camera_relocalization_ros.report.figures.error_axes import draw_error_over_time
from camera_relocalization_ros.report.figures.style import GRID, OBJECT
from camera_relocalization_ros.report.figures.trajectory_figures import draw_estimates


def plot_flight(path: Path, title: str, result: Result, outline: np.ndarray | None = None) -> None:
    """Write a PNG of a result's compared images; outline (N, 2): the object from above."""
    figure = new_figure(12, 6)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.1, 1))
    _from_above(figure.add_subplot(grid[:, 0]), result, outline)
    position = figure.add_subplot(grid[0, 1])
    draw_error_over_time(position, result, "position_m")
    orientation = figure.add_subplot(grid[1, 1], sharex=position)
    draw_error_over_time(orientation, result, "orientation_deg")
    orientation.set_xlabel("time since the first image [s]")
    if position.get_legend_handles_labels()[0]:
        # below, where it covers nothing
        orientation.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncol=3, frameon=False)
    title_figure(figure, title, "large")
    save_figure(figure, path)


def _from_above(axes: Axes, result: Result, outline: np.ndarray | None) -> None:
    if outline is not None:
        axes.fill(*outline.T, facecolor="#d9d9d9", edgecolor=OBJECT, linewidth=1.2, label="airframe")
    draw_estimates(axes, result, [0, 1])
    axes.set_aspect("equal")
    axes.set_xlabel("x [m], towards the nose")
    axes.set_ylabel("y [m], towards the left wing")
    axes.grid(color=GRID)
    # beside the picture, because a flight goes all around the object
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncol=3, frameon=False)
    axes.set_title("camera seen from above, in the object's frame")

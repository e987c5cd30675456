# SPDX-License-Identifier: BSD-3-Clause
"""Cumulative error histograms of several methods in one picture (thesis figures 4.2, 4.3 and appendix A)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from camera_relocalization_ros.core.pose_errors import PoseErrors, length_unit
from camera_relocalization_ros.report.figures.canvas import new_figure, save_figure, title_figure

# the axis ends where this share of all errors does, or a few wild ones would squeeze the rest
SHOWN_SHARE = 0.98


def plot_error_histograms(path: Path, title: str, errors: dict[str, PoseErrors], is_metric: bool = True) -> None:
    """Write a PNG: share of frames with an error of at most so much, a line per method."""
    figure = new_figure(11, 4.5)
    title_figure(figure, title, "large")
    left, right = figure.subplots(1, 2, sharey=True)
    draw_cumulative(
        left, {name: e.position_m for name, e in errors.items()}, f"position error [{length_unit(is_metric)}]"
    )
    draw_cumulative(right, {name: e.orientation_deg for name, e in errors.items()}, "orientation error [deg]")
    left.set_ylabel("share of frames")
    right.legend(loc="lower right", fontsize="small")
    save_figure(figure, path)


def draw_cumulative(axes: Axes, errors: dict[str, np.ndarray], label: str) -> None:
    """Share of frames with an error of at most so much: errors (n,) by the name of their line."""
    for name, values in errors.items():
        shares = np.arange(len(values) + 1) / len(values)
        axes.plot([0.0, *np.sort(values)], shares, drawstyle="steps-post", label=name)
    axes.set_xlim(0, float(np.quantile(np.concatenate(list(errors.values())), SHOWN_SHARE)) or None)
    axes.set_ylim(0, 1)
    axes.set_xlabel(label)
    axes.grid(alpha=0.3)

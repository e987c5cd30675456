# SPDX-License-Identifier: BSD-3-Clause
"""One picture of a flight: from above and by its errors over time, truth green, estimate red, what is not OK orange."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from camera_relocalization_ros.core.evaluation import PoseErrors
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.report.figures import new_figure, save_figure

# the thesis's colours, in shades that differ in lightness too, so that they hold in grey and for most eyes
TRUTH, ESTIMATE, OBJECT, NOT_OK = "#1a9850", "#b2182b", "#4d4d4d", "#e69f00"


def plot_flight(
    path: Path,
    title: str,
    estimate: Trajectory,
    truth: Trajectory,
    errors: PoseErrors,
    is_ok: np.ndarray,
    outline: np.ndarray | None = None,
) -> None:
    """Write a PNG. Trajectories and is_ok (n,) are of the same stamps; outline (N, 2): the object from above."""
    figure = new_figure(12, 6)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.1, 1))
    _from_above(figure.add_subplot(grid[:, 0]), estimate, truth, is_ok, outline)
    seconds = (truth.stamps_ns - truth.stamps_ns[0]) * 1e-9
    position_axes = figure.add_subplot(grid[0, 1])
    _over_time(position_axes, seconds, errors.position_m, "position error [m]", "{:.3f} m")
    _over_time(
        figure.add_subplot(grid[1, 1], sharex=position_axes),
        seconds,
        errors.orientation_deg,
        "orientation error [deg]",
        "{:.1f} deg",
    )
    for axes in figure.axes[1:]:
        width = float(np.median(np.diff(seconds)))
        axes.bar(seconds[~is_ok], 1, width, transform=axes.get_xaxis_transform(), color=NOT_OK, alpha=0.3, zorder=0)
    figure.axes[-1].set_xlabel("time since the first image [s]")
    figure.suptitle(title)
    save_figure(figure, path)


def _from_above(
    axes: Axes, estimate: Trajectory, truth: Trajectory, is_ok: np.ndarray, outline: np.ndarray | None
) -> None:
    if outline is not None:
        axes.fill(*outline.T, facecolor="#d9d9d9", edgecolor=OBJECT, linewidth=1.2, label="airframe")
    pairs = np.stack([truth.positions[:, :2], estimate.positions[:, :2]], axis=1)
    for pair in pairs:
        axes.plot(*pair.T, color="#bbbbbb", linewidth=0.5, zorder=1)
    axes.plot(*truth.positions[:, :2].T, color=TRUTH, linewidth=2.5, label="truth")
    points = {"color": ESTIMATE, "marker": ".", "markersize": 5, "linestyle": "none", "label": "estimate, OK"}
    axes.plot(*estimate.positions[is_ok, :2].T, **points)
    crosses = {"color": NOT_OK, "marker": "x", "markersize": 5, "linestyle": "none", "label": "estimate, not OK"}
    axes.plot(*estimate.positions[~is_ok, :2].T, **crosses)
    axes.plot(*truth.positions[0, :2], color=TRUTH, marker="o", markersize=9, linestyle="none", label="start")
    axes.set_aspect("equal")
    axes.set_xlabel("x [m], towards the nose")
    axes.set_ylabel("y [m], towards the left wing")
    axes.grid(color="#eeeeee")
    # beside the picture, because a flight goes all around the object
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncol=3, frameon=False)
    axes.set_title("camera seen from above, in the object's frame")


def _over_time(axes: Axes, seconds: np.ndarray, values: np.ndarray, label: str, median_format: str) -> None:
    median = float(np.median(values))
    axes.plot(seconds, values, color=ESTIMATE, linewidth=1.0)
    axes.axhline(median, color=OBJECT, linestyle="--", linewidth=1.0, label="median " + median_format.format(median))
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.grid(color="#eeeeee")
    axes.legend(loc="upper right")

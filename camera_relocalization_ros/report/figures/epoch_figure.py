# SPDX-License-Identifier: BSD-3-Clause
"""What an epoch's estimates of held-out data look like: error histograms, and from above (thesis A and table 4.15)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import length_unit, pose_errors
from camera_relocalization_ros.report.figures.canvas import new_figure, title_figure
from camera_relocalization_ros.report.figures.error_histograms import draw_cumulative
from camera_relocalization_ros.report.figures.style import ESTIMATE, GRID, LINK, TRUTH

# more links between truth and estimate would hide both
MAX_LINKS = 400


def draw_epoch(estimates: Poses, truth: Poses, title: str, is_metric: bool = True) -> Figure:
    """Share of frames by their errors; truth green and estimates red, seen along -z."""
    figure = new_figure(13, 4.2)
    title_figure(figure, title)
    position, orientation, above = figure.subplots(1, 3)
    unit = length_unit(is_metric)
    errors = pose_errors(estimates, truth)
    draw_cumulative(position, {"": errors.position_m}, f"position error [{unit}]")
    draw_cumulative(orientation, {"": errors.orientation_deg}, "orientation error [deg]")
    position.set_ylabel("share of frames")
    rows = np.arange(len(truth))[:: max(len(truth) // MAX_LINKS, 1)]
    true_xy, found_xy = truth.positions[:, :2], estimates.positions[:, :2]
    # NaN lifts the pen between two links
    links = np.stack([true_xy[rows], found_xy[rows], np.full((len(rows), 2), np.nan)], axis=1)
    above.plot(*links.reshape(-1, 2).T, color=LINK, linewidth=0.5)
    above.plot(*true_xy.T, color=TRUTH, linestyle="none", marker=".", markersize=4, label="truth")
    above.plot(*found_xy.T, color=ESTIMATE, linestyle="none", marker=".", markersize=4, label="estimate")
    above.set(xlabel=f"x [{unit}]", ylabel=f"y [{unit}]", aspect="equal")
    above.grid(color=GRID)
    above.legend(fontsize="small")
    return figure

# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of results that hold in print and for colour-blind eyes: errors, and whether covariances told the truth."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from camera_relocalization_ros.core.pose_errors import length_unit
from camera_relocalization_ros.evaluation.consistency import coverage
from camera_relocalization_ros.evaluation.metrics import LEVELS, result_squares
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.report.figures.canvas import legend_below, new_figure
from camera_relocalization_ros.report.figures.error_axes import (
    LEAST,
    QUANTITIES,
    draw_error_over_time,
    error_label,
    error_range,
    make_logarithmic,
)
from camera_relocalization_ros.report.figures.style import BASELINES, COLOURS, GRID, look_of

BINS = 10
# an axis of angles shows at least so many degrees, or they would differ in the fifth digit
LEAST_ANGLE = 1.0
# dots of fewer images are larger
FEW_IMAGES = 300
# baselines are marked at so many places of their curves
MARKS = 8


def draw_cumulative(results: list[Result]) -> Figure:
    """Share of images with an error of at most so much, for each result, and the baselines of the first one."""
    figure = new_figure(11, 5)
    baselines = results[0].baselines.items()
    for axes, quantity in zip(figure.subplots(1, 2, sharey=True), QUANTITIES):
        curves = [getattr(result.errors(), quantity) for result in results]
        ends = error_range(quantity, *curves, *(getattr(errors, quantity) for _, errors in baselines))
        for number, (result, values) in enumerate(zip(results, curves)):
            colour, style = look_of(number)
            _cumulative(axes, values, ends[0], color=colour, linestyle=style, linewidth=2, label=result.info.name)
        for (name, errors), (colour, style, marker) in zip(baselines, cycle(BASELINES)):
            look = {"color": colour, "linestyle": style, "linewidth": 1, "marker": marker, "markersize": 4}
            every = max(len(errors.position_m) // MARKS, 1)
            _cumulative(axes, getattr(errors, quantity), ends[0], markevery=every, label=name, **look)
        make_logarithmic(axes.xaxis, ends)
        axes.set(ylim=(0, 1.01), xlabel=error_label(quantity, *(result.info.metric for result in results)))
        axes.grid(color=GRID)
    figure.axes[0].set_ylabel("share of estimates")
    legend_below(figure, 4)
    return figure


def draw_over_time(result: Result) -> Figure:
    """Both errors over time, sequence after sequence, with bands where the state was not OK."""
    figure = new_figure(11, 5)
    for axes, quantity in zip(figure.subplots(2, 1, sharex=True), QUANTITIES):
        draw_error_over_time(axes, result, quantity)
    several = len(set(result.sequences)) > 1
    figure.axes[1].set_xlabel("time [s]" + (", sequences one after the other" if several else ""))
    legend_below(figure, 5)
    return figure


def draw_dependence(result: Result) -> Figure:
    """Errors against the camera's distance from the parent's origin, and the angle from which it is seen."""
    figure = new_figure(11, 5.6)
    rows = result.select(result.compared)
    positions, errors = rows.truth[:, :3], rows.errors()
    distance = np.linalg.norm(positions, axis=1)
    parent = rows.info.parent_frame
    azimuth = np.degrees(np.arctan2(positions[:, 1], positions[:, 0]))
    elevation = np.degrees(np.arcsin(positions[:, 2] / np.maximum(distance, 1e-9)))
    # numbers, and how many of their unit an axis shows at least
    sides = {
        f"distance from the origin of {parent} [{length_unit(rows.info.metric)}]": (distance, 0.0),
        "azimuth of the camera about z [deg], 0: +x, 90: +y": (azimuth, LEAST_ANGLE),
        "elevation of the camera over x-y [deg]": (elevation, LEAST_ANGLE),
    }
    grid = figure.subplots(2, len(sides), sharex="col", sharey="row")
    for line, quantity in zip(grid, QUANTITIES):
        values = np.maximum(getattr(errors, quantity), LEAST[quantity])
        for axes, (side, _) in zip(line, sides.values()):
            _scatter_with_medians(axes, side, values)
            make_logarithmic(axes.yaxis, error_range(quantity, values))
        line[0].set_ylabel(error_label(quantity, rows.info.metric))
    for axes, (label, (_, least)) in zip(grid[-1], sides.items()):
        axes.set_xlabel(label, fontsize="small")
        low, high = axes.get_xlim()
        if high - low < least:
            axes.set_xlim((low + high - least) / 2, (low + high + least) / 2)
        # an offset would lie over the label
        axes.ticklabel_format(axis="x", useOffset=False, style="plain")
        axes.xaxis.set_major_locator(MaxNLocator(5 if least else 3))
    legend_below(figure, 3)
    return figure


def draw_reliability(results: list[Result]) -> Figure:
    """How often the truth was inside of the ellipsoids, against how often it should have been."""
    figure = new_figure(11, 4.6)
    # every result keeps its style, also where one before it has no covariance
    found = [
        (result.info.name, coverage(result_squares(result), LEVELS), *look_of(number))
        for number, result in enumerate(results)
        if result.has_covariance
    ]
    for axes, part in zip(figure.subplots(1, 2, sharey=True), ("position", "orientation")):
        axes.plot([0, 1], [0, 1], color="#777777", linestyle=":", label="as it should be")
        for name, shares, colour, style in found:
            axes.plot(
                (0, *LEVELS, 1), (0, *shares[part], 1), "o", linestyle=style, color=colour, label=name, markersize=4
            )
        axes.text(0.03, 0.93, "cautious: errors smaller than predicted")
        axes.text(0.97, 0.04, "overconfident: errors larger than predicted", ha="right")
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"share predicted by the {part}'s covariance", aspect="equal")
        axes.grid(color=GRID)
    figure.axes[0].set_ylabel("share of truths inside")
    legend_below(figure, 4)
    return figure


def _cumulative(axes: Axes, values: np.ndarray, low: float, **style: Any) -> None:
    values = np.sort(values[np.isfinite(values)])
    # from the axis' end on, or the first step would be missing
    shown = np.maximum([low, *values], low)
    axes.plot(shown, np.arange(len(values) + 1) / len(values), drawstyle="steps-post", **style)


def _scatter_with_medians(axes: Axes, side: np.ndarray, values: np.ndarray) -> None:
    size, colour = (5, "#888888") if len(values) < FEW_IMAGES else (2, "#bbbbbb")
    axes.plot(side, values, ".", color=colour, markersize=size, zorder=1, rasterized=True, label="one image")
    bins = np.linspace(side.min(), side.max() + 1e-9, BINS + 1)
    groups = [values[(side >= low) & (side < high)] for low, high in zip(bins, bins[1:])]
    known = [number for number, group in enumerate(groups) if len(group) >= 3]
    if known:
        centres = ((bins[1:] + bins[:-1]) / 2)[known]
        low, median, high = np.array([np.percentile(groups[number], (25, 50, 75)) for number in known]).T
        axes.fill_between(centres, low, high, color=COLOURS[1], alpha=0.25, label="middle half")
        axes.plot(centres, median, "o-", color=COLOURS[1], markersize=4, label="median")
    axes.grid(color=GRID)

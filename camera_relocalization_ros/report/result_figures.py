# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of results that hold in print and for colour-blind eyes: errors, and whether covariances told the truth."""

from __future__ import annotations

from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from camera_relocalization_ros.core.pose_metrics import LEVELS, coverage, normalized_squares
from camera_relocalization_ros.core.results import NO_STATE, Result
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.report.figures import new_figure

# Okabe and Ito's palette; what colour tells, line style or hatching tells too
COLOURS = ("#D55E00", "#0072B2", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))
BASELINE_COLOUR = "#777777"
BASELINE_STYLES = ((0, (1, 1)), (0, (6, 2, 1, 2)), (0, (3, 3)), (0, (1, 4)), (0, (9, 2)))
BANDS = {State.DEGRADED: ("#F0E442", "///", "DEGRADED"), State.LOST: ("#999999", "xxx", "LOST")}
NO_ANSWER = ("#ffffff", "...", "no answer")
UNITS = {"position_m": "m", "orientation_deg": "deg"}
QUANTITIES = {"position_m": "position error [m]", "orientation_deg": "orientation error [deg]"}
# the axis ends where this share of the results' errors does, or a few wild ones would squeeze the rest
SHOWN_SHARE = 0.98
BINS = 10


def draw_cumulative(results: list[Result]) -> Figure:
    """Share of images with an error of at most so much, for each result, and the baselines of the first one."""
    figure = new_figure(11, 4.6)
    for axes, (quantity, label) in zip(figure.subplots(1, 2, sharey=True), QUANTITIES.items()):
        shown = []
        styles = zip(cycle(COLOURS), cycle(STYLES))
        for result, (colour, style) in zip(results, styles):
            values = getattr(result.errors(), quantity)
            shown.append(np.nanquantile(values, SHOWN_SHARE))
            _cumulative(axes, values, color=colour, linestyle=style, linewidth=2, label=result.info.name)
        for (name, errors), style in zip(results[0].baselines.items(), cycle(BASELINE_STYLES)):
            _cumulative(
                axes, getattr(errors, quantity), color=BASELINE_COLOUR, linestyle=style, linewidth=1, label=name
            )
        axes.set(xlim=(0, 1.15 * max(shown)), ylim=(0, 1.01), xlabel=label)
        axes.grid(color="#dddddd")
    figure.axes[0].set_ylabel("share of answered images")
    _legend_below(figure, 4)
    return figure


def draw_over_time(result: Result) -> Figure:
    """Both errors over time, sequence after sequence, with bands where the state was not OK."""
    figure = new_figure(11, 5)
    seconds, borders = run_seconds(result)
    errors = result.errors()
    for axes, (quantity, label) in zip(figure.subplots(2, 1, sharex=True), QUANTITIES.items()):
        values = getattr(errors, quantity)
        top = 1.3 * np.nanquantile(values, 0.99) or 1.0
        axes.plot(seconds, np.minimum(values, top), ".-", color=COLOURS[0], markersize=3, linewidth=0.8)
        outside = values > top
        if outside.any():
            axes.plot(seconds[outside], np.full(outside.sum(), top), "^", color="black", label="beyond the axis")
        median = float(np.nanmedian(values))
        axes.axhline(median, color="black", linestyle="--", linewidth=1, label=f"median {median:.3g} {UNITS[quantity]}")
        _bands(axes, seconds, result.states)
        for border in borders:
            axes.axvline(border, color="black", linewidth=0.8)
        axes.set(ylabel=label, ylim=(0, 1.03 * top), xlim=(0, max(seconds[-1], 1e-3)))
        axes.grid(color="#dddddd")
    figure.axes[1].set_xlabel("time [s]" + (", sequences one after the other" if len(borders) else ""))
    _legend_below(figure, 5)
    return figure


def draw_dependence(result: Result) -> Figure:
    """Errors against the camera's distance from the parent's origin, and the angle from which it is seen."""
    figure = new_figure(11, 5.6)
    rows = result.select(result.compared)
    positions, errors = rows.truth[:, :3], rows.errors()
    distance = np.linalg.norm(positions, axis=1)
    parent = rows.info.parent_frame
    sides = {
        f"distance from the origin of {parent} [m]": distance,
        "azimuth of the camera about z [deg], 0: +x, 90: +y": np.degrees(np.arctan2(positions[:, 1], positions[:, 0])),
        "elevation of the camera over x-y [deg]": np.degrees(np.arcsin(positions[:, 2] / np.maximum(distance, 1e-9))),
    }
    grid = figure.subplots(2, len(sides), sharex="col", sharey="row")
    for line, (quantity, label) in zip(grid, QUANTITIES.items()):
        values = getattr(errors, quantity)
        for axes, side in zip(line, sides.values()):
            _scatter_with_medians(axes, side, values)
            axes.set_ylim(0, 1.2 * float(np.quantile(values, 0.99)) or None)
        line[0].set_ylabel(label)
    for axes, label in zip(grid[-1], sides):
        axes.set_xlabel(label, fontsize="small")
    _legend_below(figure, 3)
    return figure


def draw_reliability(results: list[Result]) -> Figure:
    """How often the truth was inside of the ellipsoids, against how often it should have been."""
    figure = new_figure(11, 4.6)
    found = {result.info.name: coverage(normalized_squares(result)) for result in results if result.has_covariance}
    for axes, part in zip(figure.subplots(1, 2, sharey=True), ("position", "orientation")):
        axes.plot([0, 1], [0, 1], color=BASELINE_COLOUR, linestyle=":", label="as it should be")
        for (name, shares), colour, style in zip(found.items(), cycle(COLOURS), cycle(STYLES)):
            axes.plot(
                (0, *LEVELS, 1), (0, *shares[part], 1), "o", linestyle=style, color=colour, label=name, markersize=4
            )
        axes.text(0.03, 0.93, "cautious: errors smaller than told")
        axes.text(0.97, 0.04, "overconfident: errors larger than told", ha="right")
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"share told by the {part}'s covariance", aspect="equal")
        axes.grid(color="#dddddd")
    figure.axes[0].set_ylabel("share of truths inside")
    _legend_below(figure, 4)
    return figure


def run_seconds(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Seconds (n,) of all images, each sequence starting where the one before ended, and those borders."""
    steps = np.diff(result.stamps_ns, prepend=result.stamps_ns[0]) * 1e-9
    starts = np.flatnonzero(result.sequences[1:] != result.sequences[:-1]) + 1
    usual = float(np.median(steps[1:])) if len(steps) > 1 else 0.0
    steps[starts] = max(usual, 0.0)
    seconds = np.cumsum(steps)
    return seconds, seconds[starts]


def _cumulative(axes: Axes, values: np.ndarray, **style) -> None:
    values = np.sort(values[np.isfinite(values)])
    # from nought on, or the first step would be missing
    axes.plot([0, *values], np.arange(len(values) + 1) / len(values), drawstyle="steps-post", **style)


def _bands(axes: Axes, seconds: np.ndarray, states: np.ndarray) -> None:
    edges = np.concatenate([[seconds[0]], (seconds[1:] + seconds[:-1]) / 2, [seconds[-1]]])
    for state, (colour, hatch, label) in {**BANDS, NO_STATE: NO_ANSWER}.items():
        inside = np.concatenate([[False], states == state, [False]])
        runs = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
        for number, (first, end) in enumerate(runs):
            options = {"facecolor": colour, "edgecolor": "#555555", "alpha": 0.5, "linewidth": 0, "zorder": 0}
            axes.axvspan(edges[first], edges[end], hatch=hatch, label="" if number else label, **options)


def _scatter_with_medians(axes: Axes, side: np.ndarray, values: np.ndarray) -> None:
    axes.plot(side, values, ".", color="#bbbbbb", markersize=2, zorder=1, rasterized=True, label="one image")
    bins = np.linspace(side.min(), side.max() + 1e-9, BINS + 1)
    groups = [values[(side >= low) & (side < high)] for low, high in zip(bins, bins[1:])]
    known = [number for number, group in enumerate(groups) if len(group) >= 3]
    if known:
        centres = ((bins[1:] + bins[:-1]) / 2)[known]
        low, median, high = np.array([np.percentile(groups[number], (25, 50, 75)) for number in known]).T
        axes.fill_between(centres, low, high, color=COLOURS[1], alpha=0.25, label="middle half")
        axes.plot(centres, median, "o-", color=COLOURS[1], markersize=4, label="median")
    axes.grid(color="#dddddd")


def _legend_below(figure: Figure, columns: int) -> None:
    handles = {}
    for part in figure.axes:
        handles.update((label, handle) for handle, label in zip(*part.get_legend_handles_labels()))
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncol=columns, frameon=False, fontsize="small"
    )

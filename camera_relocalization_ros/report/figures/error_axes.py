# SPDX-License-Identifier: BSD-3-Clause
"""Axes that errors are read off: logarithmic, with plain numbers, as a wild answer errs a thousand times the median."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from camera_relocalization_ros.core.pose_errors import length_text, length_units
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.report.figures.style import BANDS, COLOURS, GRID

QUANTITIES = ("position_m", "orientation_deg")
# errors below are drawn here: an answer may be exact
LEAST = {"position_m": 1e-5, "orientation_deg": 1e-4}
# what few errors lie below does not stretch the axis
LOW_SHARE = 0.01
# a line is drawn across this many usual steps, and lifted at longer gaps
GAP_STEPS = 5.0
FEW_DECADES = 2.5
# a line through more images would fill the picture, and hide the bands behind it
MOST_IN_A_LINE = 3000
# a band is at least as wide as this share of the axis, about a pixel: thinner ones are not drawn at all
THINNEST = 1e-3


def error_label(quantity: str, *are_metric: bool) -> str:
    """What an axis of these errors is called, of one result or of several."""
    return f"position error [{length_units(are_metric)}]" if quantity == "position_m" else "orientation error [deg]"


def run_seconds(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Seconds (n,) of all images, each sequence starting where the one before ended, and those borders."""
    steps = np.diff(result.stamps_ns, prepend=result.stamps_ns[0]) * 1e-9
    starts = np.flatnonzero(result.sequences[1:] != result.sequences[:-1]) + 1
    usual = float(np.median(steps[1:])) if len(steps) > 1 else 0.0
    steps[starts] = max(usual, 0.0)
    seconds = np.cumsum(steps)
    return seconds, seconds[starts]


def gap_seconds(seconds: np.ndarray) -> float:
    """The longest step between images at `seconds` (n,) that a line is drawn across."""
    return GAP_STEPS * float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0


def lifted(values: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Values (n, ...) with NaN, which lifts the pen, put in before each row (n,) of `seconds` that follows a gap."""
    gaps = np.flatnonzero(np.diff(seconds) > gap_seconds(seconds)) + 1
    return np.insert(np.asarray(values, dtype=float), gaps, np.nan, axis=0)


def error_range(quantity: str, *errors: np.ndarray) -> tuple[float, float]:
    """Ends of a logarithmic axis that shows all of the errors but the smallest few."""
    known = np.concatenate([values[np.isfinite(values)] for values in errors])
    low, high = max(float(np.quantile(known, LOW_SHARE)), LEAST[quantity]), float(known.max())
    return 0.7 * low, 1.4 * max(high, 1.5 * low)


def make_logarithmic(axis: Axis, ends: tuple[float, float]) -> None:
    """Scale an axis from end to end, with ticks that read as plain numbers."""
    axes, name = axis.axes, "x" if axis is axis.axes.xaxis else "y"
    # ends first, or the scale would fit itself to the data
    axes.set(**{f"{name}lim": ends})
    axes.set(**{f"{name}scale": "log"})
    is_short = np.log10(ends[1] / ends[0]) < FEW_DECADES
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if is_short else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_error_over_time(axes: Axes, result: Result, quantity: str) -> None:
    """One error over time, sequence after sequence, with its median and bands where the state was not OK."""
    seconds, borders = run_seconds(result)
    values = np.maximum(getattr(result.errors(), quantity), LEAST[quantity])
    if len(values) <= MOST_IN_A_LINE:
        axes.plot(
            lifted(seconds, seconds), lifted(values, seconds), ".-", color=COLOURS[0], markersize=3, linewidth=0.8
        )
    else:
        axes.plot(seconds, values, ",", color=COLOURS[0], rasterized=True)
    median = float(np.nanmedian(values))
    axes.axhline(median, color="black", linestyle="--", linewidth=1)
    text = (
        length_text(median, result.info.metric)
        if quantity == "position_m"
        else f"{median:.{2 if median < 1 else 1}f} deg"
    )
    # beside the axes, where it covers nothing
    axes.annotate(
        f"median\n{text}",
        xy=(1, median),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize="small",
    )
    _draw_bands(axes, seconds, result.states)
    for border in borders:
        axes.axvline(border, color="black", linewidth=0.8)
    make_logarithmic(axes.yaxis, error_range(quantity, values))
    axes.set(
        ylabel=error_label(quantity, result.info.metric), xlim=(0, seconds[-1]) if seconds[-1] > 0 else (-0.5, 0.5)
    )
    axes.grid(color=GRID)


def _draw_bands(axes: Axes, seconds: np.ndarray, states: np.ndarray) -> None:
    edges = np.concatenate([[seconds[0]], (seconds[1:] + seconds[:-1]) / 2, [seconds[-1]]])
    for state, (colour, hatch, label) in BANDS.items():
        inside = np.concatenate([[False], states == state, [False]])
        runs = edges[np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)]
        for number, (first_s, end_s) in enumerate(_visible(runs, THINNEST * float(np.ptp(edges)))):
            axes.axvspan(
                first_s,
                end_s,
                hatch=hatch,
                label="" if number else label,
                facecolor=colour,
                edgecolor="#555555",
                alpha=0.5,
                linewidth=0,
                zorder=0,
            )


def _visible(runs_s: np.ndarray, least_s: float) -> list[list[float]]:
    """Stretches (k, 2) of time, widened to `least_s`, and joined where they overlap then."""
    joined: list[list[float]] = []
    for first_s, end_s in runs_s.tolist():
        wider = max(least_s - (end_s - first_s), 0.0) / 2
        if joined and first_s - wider <= joined[-1][1]:
            joined[-1][1] = end_s + wider
        else:
            joined.append([first_s - wider, end_s + wider])
    return joined

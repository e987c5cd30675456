# SPDX-License-Identifier: BSD-3-Clause
"""Where the cameras were and where the model said they were: from above, and in space, with the object."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from camera_relocalization_ros.core.pose_errors import length_unit
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.report.figures.canvas import new_figure
from camera_relocalization_ros.report.figures.error_axes import lifted, run_seconds
from camera_relocalization_ros.report.figures.style import AXES, ESTIMATE, GRID, LINK, MARKERS, OBJECT, TRUTH

# more lines between truth and estimate would hide both
MAX_LINKS = 400
FEW_EDGES = 50
# what lies further from the truth's box than so many of its diagonals, or of the usual error, would shrink all else
REACH, ERRORS_REACH = 1.0, 3.0
# the labels of axes in space lie outside of their box
SPACE_ZOOM = 0.85


def draw_trajectory(result: Result, edges: np.ndarray | None = None) -> Figure:
    """Truth and estimate from above and in space; edges (E, 2, 3): of the object."""
    figure, unit = new_figure(12, 6.2), length_unit(result.info.metric)
    above = figure.add_subplot(1, 2, 1)
    space = figure.add_subplot(1, 2, 2, projection="3d")
    for axes, columns in ((above, [0, 1]), (space, [0, 1, 2])):
        outside = draw_estimates(axes, result, columns)
        _draw_object(axes, edges, columns)
        # a map's zero may be thousands of kilometres away
        if _near(np.zeros((1, 3)), result, edges)[0]:
            _draw_axes(axes, edges, columns)
        axes.set_xlabel(f"x [{unit}]")
        axes.set_ylabel(f"y [{unit}]")
    above.set_aspect("equal")
    above.grid(color=GRID)
    missing = f"\nnot drawn, as they lie far outside: {outside} of the estimates" if outside else ""
    above.set_title(f"from above (along -z of {result.info.parent_frame}){missing}", fontsize="medium")
    space.set_zlabel(f"z [{unit}]")
    space.set_box_aspect(np.ptp([space.get_xlim(), space.get_ylim(), space.get_zlim()], axis=1), zoom=SPACE_ZOOM)
    space.zaxis.set_major_locator(MaxNLocator(4))
    handles = dict(zip(*reversed(above.get_legend_handles_labels())))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncol=6, frameon=False)
    return figure


def _near(points: np.ndarray, result: Result, edges: np.ndarray | None = None) -> np.ndarray:
    """Whether points (n, 3) are near the truth, or the object, if its edges (E, 2, 3) are given: bool (n,)."""
    shown = result.truth[:, :3] if edges is None else np.vstack([result.truth[:, :3], *edges])
    low, high = np.nanmin(shown, axis=0), np.nanmax(shown, axis=0)
    errors = result.errors().position_m[result.compared]
    usual = float(np.median(errors)) if len(errors) else 0.0
    margin = max(REACH * float(np.linalg.norm(high - low)), ERRORS_REACH * usual)
    return ((points >= low - margin) & (points <= high + margin)).all(axis=1)


def draw_estimates(axes: Axes, result: Result, columns: list[int]) -> int:
    """Truth, estimates by their state, and thin lines between the two of an image, in `columns` of x, y, z.

    Returns how many estimates lie too far away to be drawn.
    """
    near = _near(result.estimate[:, :3], result)
    for number, name in enumerate(dict.fromkeys(result.sequences)):
        part, drawn = result.select(result.sequences == name), near[result.sequences == name]
        truth, estimate = part.truth[:, columns], part.estimate[:, columns]
        rows = np.flatnonzero(part.compared & drawn)[:: max(len(part) // MAX_LINKS, 1)]
        # NaN lifts the pen between two links
        links = np.stack([truth[rows], estimate[rows], np.full((len(rows), len(columns)), np.nan)], axis=1)
        axes.plot(*links.reshape(-1, len(columns)).T, color=LINK, linewidth=0.5, zorder=1)
        # the legend names what is drawn of the first sequence
        label = "" if number else "truth"
        axes.plot(*lifted(truth, run_seconds(part)[0]).T, color=TRUTH, linewidth=2.2, zorder=2, label=label)
        for state, style in MARKERS.items():
            marked = estimate[(part.states == state) & drawn]
            if len(marked):
                axes.plot(*marked.T, color=ESTIMATE, linestyle="none", zorder=3, **style)
        start = truth[np.isfinite(truth).all(axis=1)][:1]
        axes.plot(
            *start.T,
            color=TRUTH,
            zorder=4,
            marker="o",
            markersize=9,
            linestyle="none",
            markeredgecolor="white",
            label="" if number else "start",
        )
    return int(np.sum(np.isfinite(result.estimate).all(axis=1) & ~near))


def _draw_object(axes: Axes, edges: np.ndarray | None, columns: list[int]) -> None:
    if edges is not None:
        # NaN lifts the pen between two edges
        lines = np.concatenate([edges, np.full((len(edges), 1, 3), np.nan)], axis=1).reshape(-1, 3)
        width = 1.2 if len(edges) <= FEW_EDGES else 0.5
        axes.plot(*lines[:, columns].T, color=OBJECT, linewidth=width, label="object", zorder=1)


def _draw_axes(axes: Axes, edges: np.ndarray | None, columns: list[int]) -> None:
    """Those of the parent, at its zero."""
    length = 0.5 if edges is None else 0.4 * float(np.ptp(edges, axis=(0, 1)).max())
    for number in columns:
        end = np.zeros(3)
        end[number] = length
        axes.plot(*np.stack([np.zeros(3), end])[:, columns].T, color=AXES["xyz"[number]], linewidth=2, zorder=4)
        # of axes in space it takes three numbers
        write: Any = axes.text
        write(*end[columns], "xyz"[number], color=AXES["xyz"[number]], fontweight="bold", zorder=5)

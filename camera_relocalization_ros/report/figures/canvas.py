# SPDX-License-Identifier: BSD-3-Clause
"""Figures without a display, and their way to the disk."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import BinaryIO

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from camera_relocalization_ros.core.output_files import new_file

DOTS_PER_INCH = 110
# so many letters of a legend or caption (small) and of a title fit into an inch
SMALL_LETTERS, TITLE_LETTERS = 13.0, {"medium": 11.0, "large": 9.0}
# figures have room for a legend of two lines
LEGEND_INCHES = 0.5


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def wrapped(text: str, inches: float, letters: float = SMALL_LETTERS) -> str:
    """The text in lines that fit into so many inches: names are as long as their users make them."""
    lines = (textwrap.wrap(line, max(int(letters * inches), 1)) or [""] for line in text.split("\n"))
    return "\n".join(part for line in lines for part in line)


def title_figure(figure: Figure, title: str, fontsize: str = "medium") -> None:
    """A title over a whole figure, in lines that fit."""
    figure.suptitle(wrapped(title, figure.get_figwidth(), TITLE_LETTERS[fontsize]), fontsize=fontsize)


def legend_below(figure: Figure, columns: int) -> None:
    """One legend of all axes under the figure, in at most so many columns.

    Fewer columns are taken where the legend would be wider than the figure,
    a line is broken that fills one alone, and the figure grows with what the legend takes beyond LEGEND_INCHES.
    """
    handles: dict[str, Artist] = {}
    for part in figure.axes:
        handles.update((label, handle) for handle, label in zip(*part.get_legend_handles_labels()))
    if not handles:
        return
    labels = [wrapped(label, figure.get_figwidth() - 1.0) for label in handles]
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    for count in range(columns, 0, -1):
        legend = figure.legend(
            list(handles.values()), labels, loc="outside lower center", ncol=count, frameon=False, fontsize="small"
        )
        extent = legend.get_window_extent(canvas.get_renderer())
        if extent.width <= figure.bbox.width or count == 1:
            break
        legend.remove()
    figure.set_figheight(figure.get_figheight() + max(extent.height / DOTS_PER_INCH - LEGEND_INCHES, 0.0))


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG, or what the name ends in, with its folder; raises RelocalizationError."""
    path = path if path.suffix else path.with_name(path.name + ".png")
    with new_file(path) as partial:
        if path.suffix == ".png":
            write_png(figure, partial)
        else:
            figure.savefig(partial, dpi=DOTS_PER_INCH, format=path.suffix[1:])


def write_png(figure: Figure, file: Path | BinaryIO) -> None:
    """Write a figure of `new_figure` as PNG.

    It is drawn once: savefig would draw a figure with a layout engine twice, the first time to lay it out, which every
    drawing does anyway.
    """
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.print_png(file)

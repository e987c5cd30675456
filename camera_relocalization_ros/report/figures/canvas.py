# SPDX-License-Identifier: BSD-3-Clause
"""Figures without a display, and their way to the disk."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from camera_relocalization_ros.core.output_files import new_file

DOTS_PER_INCH = 110


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


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

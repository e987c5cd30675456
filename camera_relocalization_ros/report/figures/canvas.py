# SPDX-License-Identifier: BSD-3-Clause
"""Figures without a display, and their way to the disk."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from camera_relocalization_ros.core.errors import RelocalizationError

DOTS_PER_INCH = 110


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG, with its folder; raises RelocalizationError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DOTS_PER_INCH)
    except OSError as error:
        raise RelocalizationError(f"{path}: cannot be written ({error.strerror})") from error

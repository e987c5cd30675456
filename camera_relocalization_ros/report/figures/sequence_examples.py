# SPDX-License-Identifier: BSD-3-Clause
"""An image of every sequence of the data, as the thesis' tables 4.2 and 4.3, with the numbers of tables 4.1 and 4.4."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

import numpy as np
from matplotlib.figure import Figure

from camera_relocalization_ros.core.pose_errors import length_unit
from camera_relocalization_ros.data.dataset import Dataset, Sequence, load_image_rgb
from camera_relocalization_ros.report.figures.canvas import new_figure, title_figure, wrapped

COLUMNS, MOST, INCHES = 3, 12, 3.4


def draw_examples(parts: Mapping[str, Dataset], title: str) -> Figure:
    """The middle image of each sequence, twelve at most, with its number of images in every part: train and test.

    The title tells how far the cameras went along x, y and z.
    """
    counts = _counts(parts)
    shown = {name: sequence for part in parts.values() for name, sequence in _by_name(part).items()}
    rows = np.linspace(0, len(shown) - 1, min(len(shown), MOST)).round().astype(int)
    names = [list(shown)[row] for row in rows]
    images = {name: load_image_rgb(_middle(shown[name])) for name in names}
    columns, shape = min(len(names), COLUMNS), next(iter(images.values())).shape
    lines = -(-len(names) // columns)
    figure = new_figure(INCHES * columns, (INCHES * shape[0] / shape[1] + 0.4) * lines + 0.5)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, name in zip(grid.flat, names):
        axes.imshow(images[name])
        numbers = ", ".join(f"{count} {part}" for part, count in counts[name].items())
        axes.set_title(wrapped(f"{name}: {numbers}", INCHES), fontsize=8)
    extent = np.ptp(np.concatenate([part.poses.positions for part in parts.values()]), axis=0)
    rest = f"; {len(names)} of {len(shown)} sequences" if len(names) < len(shown) else ""
    unit = length_unit(all(part.is_metric for part in parts.values()))
    within = " x ".join(f"{side:.1f}" for side in extent)
    title_figure(figure, f"{title}: cameras within {within} {unit}{rest}")
    return figure


def _counts(parts: Mapping[str, Dataset]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for part, dataset in parts.items():
        for name, sequence in _by_name(dataset).items():
            found.setdefault(name, {})[part] = len(sequence.frames)
    return found


def _by_name(dataset: Dataset) -> dict[str, Sequence]:
    return {sequence.name: sequence for sequence in dataset.sequences if sequence.frames}


def _middle(sequence: Sequence) -> Path:
    return sequence.frames[len(sequence.frames) // 2].image_path

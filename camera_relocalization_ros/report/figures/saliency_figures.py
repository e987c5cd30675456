# SPDX-License-Identifier: BSD-3-Clause
"""What pixels add to an answer, over the image; and filters as small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Sequence

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from camera_relocalization_ros.report.figures.canvas import new_figure, title_figure

# brighter is more, in grey print too
COLOURS = colormaps["inferno"]
# single pixels are noise to the eye: shown is the mean over so many pixels around, as a share of the image's width
BLUR_SHARE = 0.008
# the brightest colour is for this quantile, or a few pixels would darken the rest
BRIGHTEST = 0.995
FIGURE_WIDTH, FILTER_COLUMNS, MAP_COLUMNS = 11.0, 16, 8


@dataclass(frozen=True)
class Row:
    """One method's maps (h, w, 3) by what they explain, and the unit of each."""

    title: str
    maps: dict[str, np.ndarray]
    units: dict[str, str]


def strength(saliency_hw3: np.ndarray) -> np.ndarray:
    """How much a pixel matters (h, w), whatever the sign: absolute values summed over colours, then blurred."""
    summed = np.abs(saliency_hw3).sum(axis=2).astype(np.float32)
    return cv2.GaussianBlur(summed, (0, 0), BLUR_SHARE * summed.shape[1])


def draw_saliency(image_rgb: np.ndarray, rows: list[Row], title: str) -> Figure:
    """A row per method: the image (h, w, 3), and on it what matters to position and to orientation."""
    columns = len(rows[0].maps) + 1
    height = FIGURE_WIDTH / (columns + 0.35) * image_rgb.shape[0] / image_rgb.shape[1] + 0.3
    figure = new_figure(FIGURE_WIDTH, height * len(rows) + 0.6)
    title_figure(figure, title)
    for axes_of_row, row in zip(figure.subplots(len(rows), columns, squeeze=False), rows):
        axes_of_row[0].imshow(image_rgb)
        axes_of_row[0].set_ylabel(row.title)
        axes_of_row[0].set_title("image", fontsize="medium")
        for axes, (name, saliency_hw3) in zip(axes_of_row[1:], row.maps.items()):
            axes.set_title(name, fontsize="medium")
            _draw_over(axes, image_rgb, strength(saliency_hw3), row.units[name])
        for axes in axes_of_row:
            axes.set(xticks=[], yticks=[])
    return figure


def _draw_over(axes: Axes, image_rgb: np.ndarray, strength_hw: np.ndarray, unit: str) -> None:
    top = float(np.quantile(strength_hw, BRIGHTEST)) or float(strength_hw.max()) or 1.0
    share_hw1 = np.clip(strength_hw / top, 0, 1)[..., None]
    # a dim grey image, so that light parts of it are not taken for heat
    grey_hw3 = np.repeat(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2) / 255.0 * 0.55
    heat_hw3 = COLOURS(share_hw1[..., 0])[..., :3]
    weight_hw1 = np.sqrt(share_hw1)
    axes.imshow((1 - weight_hw1) * grey_hw3 + weight_hw1 * heat_hw3)
    numbers = ScalarFormatter()
    numbers.set_powerlimits((-2, 2))
    scale = ScalarMappable(Normalize(0, top), COLOURS)
    bar = axes.figure.colorbar(scale, ax=axes, extend="max", pad=0.02, format=numbers)
    bar.set_label(unit, fontsize="small")
    bar.ax.tick_params(labelsize="small")


def draw_filters(filters_nrc3: np.ndarray, title: str) -> Figure:
    """Filters (n, rows, cols, 3) side by side; grey is 0, and each is stretched to its own largest weight."""
    largest = np.abs(filters_nrc3).max(axis=(1, 2, 3), keepdims=True)
    pictures = 0.5 + 0.5 * filters_nrc3 / np.maximum(largest, 1e-12)
    return draw_channels([("", pictures, range(len(pictures)))], title, FILTER_COLUMNS)


def draw_activations(maps: list[tuple[str, np.ndarray, np.ndarray]], title: str) -> Figure:
    """Of each layer the maps (n, h, w) of some channels (n,); black is the least answer of a map, white its largest."""
    groups = []
    for layer, maps_nhw, channels in maps:
        low, high = maps_nhw.min(axis=(1, 2), keepdims=True), maps_nhw.max(axis=(1, 2), keepdims=True)
        grey_nhw = (maps_nhw - low) / np.maximum(high - low, 1e-12)
        groups.append((layer, np.repeat(grey_nhw[..., None], 3, axis=3), channels))
    return draw_channels(groups, title, MAP_COLUMNS)


def draw_channels(groups: Sequence[tuple[str, np.ndarray, Iterable[int]]], title: str, columns: int) -> Figure:
    """Pictures (n, h, w, 3) of the channels (n,) of each layer, side by side under their numbers."""
    lines = [-(-len(pictures) // columns) for _, pictures, _ in groups]
    shape = groups[0][1].shape[1:3]
    figure = new_figure(FIGURE_WIDTH, FIGURE_WIDTH / columns * shape[0] / shape[1] * sum(lines) * 1.2 + 0.7)
    title_figure(figure, title)
    grid = figure.subplots(sum(lines), columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for row, (layer, pictures, channels) in zip(np.cumsum([0, *lines[:-1]]), groups):
        for axes, picture, channel in zip(grid[row:].flat, pictures, channels):
            axes.imshow(picture, interpolation="nearest")
            axes.set_title(f"{layer} {channel}".strip(), fontsize="x-small", pad=2)
    return figure

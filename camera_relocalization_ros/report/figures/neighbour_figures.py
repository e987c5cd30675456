# SPDX-License-Identifier: BSD-3-Clause
"""Images beside the training images that a model finds most like them."""

from __future__ import annotations

from typing import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from camera_relocalization_ros.core.pose_errors import length_text
from camera_relocalization_ros.data.dataset import Frame, load_image_rgb
from camera_relocalization_ros.evaluation.feature_space import Neighbours
from camera_relocalization_ros.report.figures.canvas import new_figure, title_figure, wrapped

INCHES = 2.6
NO_IMAGE = "this image is in\nno --train data set"


def draw_neighbours(
    queries: Mapping[int, str],
    frames: Sequence[Frame],
    found: Neighbours,
    training: Mapping[int, tuple[str, Frame]],
    title: str,
    is_metric: bool = True,
) -> Figure:
    """One line for each query: rows of `found` with the caption below the image, then its training images."""
    first = load_image_rgb(frames[next(iter(queries))].image_path)
    columns = found.rows.shape[1] + 1
    figure = new_figure(INCHES * columns, (INCHES * first.shape[0] / first.shape[1] + 0.6) * len(queries) + 0.4)
    title_figure(figure, title, "large")
    grid = figure.subplots(len(queries), columns, squeeze=False)
    for line, (row, caption) in zip(grid, queries.items()):
        _show(line[0], frames[row], f"query {row}: {frames[row].image_path.name}\n{caption}")
        for axes, number, cosine, metres, degrees in zip(
            line[1:], found.rows[row], found.cosine[row], found.metres[row], found.degrees[row]
        ):
            sequence, frame = training.get(int(number), ("", None))
            name = f"{sequence} {frame.image_path.name}" if frame else f"training image {number}"
            _show(
                axes,
                frame,
                f"{name}\ncosine distance {cosine:.3f}\n{length_text(metres, is_metric)}, {degrees:.1f} deg away",
            )
    return figure


def _show(axes: Axes, frame: Frame | None, caption: str) -> None:
    axes.set(xticks=[], yticks=[])
    if frame is None:
        axes.text(0.5, 0.5, NO_IMAGE, ha="center", va="center", transform=axes.transAxes)
    else:
        axes.imshow(load_image_rgb(frame.image_path))
    axes.set_xlabel(wrapped(caption, INCHES), fontsize="small")

# SPDX-License-Identifier: BSD-3-Clause
"""Features of images as points on a plane: those that look alike to a model lie together (t-SNE)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.output_files import new_file
from camera_relocalization_ros.core.pose_errors import length_unit
from camera_relocalization_ros.data.dataset import Dataset, Frame
from camera_relocalization_ros.report.figures.canvas import new_figure, title_figure, wrapped

# more would take minutes and hide one another
MAX_POINTS = 4000
LEAST_POINTS = 10
PERPLEXITY = 30.0
# Okabe and Ito's palette without yellow, which is lost on white; shapes tell sequences apart too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vP*"
MAX_NAMED = 14
# of one of two columns
LEGEND_INCHES = 2.5
COLUMNS = ("set", "sequence", "tsne_1", "tsne_2", "x", "y", "z")
UNKNOWN = "all sequences"


@dataclass(frozen=True)
class FeatureMap:
    """n images: points (n, 2) of the plane, positions (n, 3) of their cameras, is_training (n,), groups (n,) of str."""

    points: np.ndarray
    positions: np.ndarray
    is_training: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(
        cls,
        index: RetrievalIndex,
        training: Mapping[int, tuple[str, Frame]],
        descriptors: np.ndarray,
        dataset: Dataset,
        seed: int,
    ) -> FeatureMap:
        """Of all training images and those of a data set with raw descriptors (n, D); of more than MAX_POINTS a part.

        `training` names the sequence of training images by their row of the index, where it is known.
        """
        trained = len(index.positions)
        rows = np.arange(trained + len(descriptors))
        rows = rows[:: -(-len(rows) // MAX_POINTS)]
        groups = [training[row][0] if row in training else UNKNOWN for row in range(trained)]
        groups += [sequence.name for sequence in dataset.sequences for _ in sequence.frames]
        features = np.concatenate([index.descriptors, index.project(descriptors)])[rows]
        positions = np.concatenate([index.poses.positions, dataset.poses.positions])[rows]
        return cls(embed(features, seed), positions, rows < trained, np.array(groups, dtype=object)[rows])

    def write_csv(self, path: Path) -> None:
        """One line for each image; raises RelocalizationError."""
        with new_file(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for point, position, is_training, group in zip(self.points, self.positions, self.is_training, self.groups):
                values = [f"{value:.4f}" for value in (*point, *position)]
                writer.writerow(["training" if is_training else "query", group, *values])


def embed(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """Points (n, 2) for unit vectors (n, K); the same for the same seed.

    Only which points lie near each other means anything: not the axes, nor how far apart groups are. Raises
    ConfigError when there are too few.
    """
    from sklearn.manifold import TSNE

    if len(features) < LEAST_POINTS:
        raise ConfigError(f"{len(features)} images; expected at least {LEAST_POINTS} for a map of their features")
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
    return plane.fit_transform(np.asarray(features, dtype=np.float32))


def draw_feature_map(found: FeatureMap, title: str, is_metric: bool = True) -> Figure:
    """The map coloured by each coordinate of the camera, and by group; training images are hollow rings."""
    figure = new_figure(12, 10.5)
    title_figure(figure, title)
    panels = figure.subplots(2, 2)
    for axes, column, name in zip(panels.flat, range(3), "xyz"):
        _by_coordinate(figure, axes, found, column, f"{name} of the camera [{length_unit(is_metric)}]")
        axes.set_title(f"by {name}: dots are query images, rings training images", fontsize="medium")
    _by_group(panels[1, 1], found)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[], xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)")
    return figure


def _by_coordinate(figure: Figure, axes: Axes, found: FeatureMap, column: int, label: str) -> None:
    values, train = found.positions[:, column], found.is_training
    colours = ScalarMappable(Normalize(values.min(), values.max()), "viridis")
    (x, y), (train_x, train_y) = found.points[~train].T, found.points[train].T
    edges = colours.to_rgba(values[train]).tolist()
    axes.scatter(train_x, train_y, s=18, facecolors="none", edgecolors=edges, linewidths=0.9)
    axes.scatter(x, y, s=26, color=colours.to_rgba(values[~train]))
    figure.colorbar(colours, ax=axes, label=label)


def _by_group(axes: Axes, found: FeatureMap) -> None:
    names = list(dict.fromkeys(zip(found.is_training, found.groups)))
    for (is_training, group), colour, marker in zip(names, cycle(COLOURS), cycle(MARKERS)):
        x, y = found.points[(found.is_training == is_training) & (found.groups == group)].T
        face = "none" if is_training else colour
        label = f"{'training' if is_training else 'query'}: {group}"
        label = wrapped(label, LEGEND_INCHES)
        axes.scatter(x, y, s=18, marker=marker, facecolors=face, edgecolors=colour, linewidths=0.9, label=label)
    axes.set_title("by sequence; training images are hollow", fontsize="medium")
    if len(names) <= MAX_NAMED:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncol=2, frameon=False, fontsize="small")

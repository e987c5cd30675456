# SPDX-License-Identifier: BSD-3-Clause
"""What a model answers when background or object are changed: the images of a frame, and bars."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from camera_relocalization_ros.core.pose_errors import length_text
from camera_relocalization_ros.evaluation.background_reliance import ORIGINAL, QUANTITIES, Reliance, variant
from camera_relocalization_ros.evaluation.metrics import Interval
from camera_relocalization_ros.evaluation.part_changes import BACKGROUND, CHANGES, OBJECT, PARTS
from camera_relocalization_ros.report.figures.canvas import TITLE_LETTERS, new_figure, wrapped
from camera_relocalization_ros.report.figures.error_axes import error_label

# Okabe and Ito's; what colour tells, hatching tells too
STYLES = {BACKGROUND: ("#D55E00", "//"), OBJECT: ("#56B4E9", "")}
SHARE_COLOURS = ("#009E73", "#E69F00")
WIDTH, FIGURE_WIDTH = 0.38, 11.0


def draw_reliance(found: Reliance, row: int, images: Mapping[str, np.ndarray], title: str) -> Figure:
    """One frame's images of each kind with the errors of its answers, above bars over all frames.

    `row` is that of the frame in `found`, `images` (H, W, 3) RGB by VARIANTS.
    """
    rows, columns = images[ORIGINAL].shape[:2]
    heights = [2 * (FIGURE_WIDTH / 4 * rows / columns + 0.5) + 0.4, 4.0]
    figure = new_figure(FIGURE_WIDTH, sum(heights))
    parts: Any = figure.subfigures(2, 1, height_ratios=heights)
    upper, lower = parts
    upper.suptitle(wrapped(title, FIGURE_WIDTH, TITLE_LETTERS["medium"]), fontsize="medium")
    _draw_images(upper.subplots(2, 4), found, row, images)
    position, orientation, shares = lower.subplots(1, 3)
    for axes, quantity in ((position, "position_m"), (orientation, "orientation_deg")):
        _draw_errors(axes, found, quantity)
    _draw_shares(shares, found)
    handles, labels = position.get_legend_handles_labels()
    lower.legend(handles, labels, loc="outside lower left", ncol=3, frameon=False, fontsize="small")
    return figure


def _draw_images(grid: np.ndarray, found: Reliance, row: int, images: Mapping[str, np.ndarray]) -> None:
    names = [ORIGINAL, *(variant(BACKGROUND, change) for change in CHANGES)]
    names += ["", *(variant(OBJECT, change) for change in CHANGES)]
    for axes, name in zip(grid.flat, names):
        axes.axis("off")
        if name:
            errors = found.errors(name)
            axes.imshow(images[name])
            off = f"{length_text(errors.position_m[row], found.is_metric)}, {errors.orientation_deg[row]:.1f} deg off"
            axes.set_title(f"{name}\n{off}", fontsize="medium")
    note = f"a typical frame\nand its errors;\nbars: all {len(found.truth)} frames"
    note += f"\n({found.left_out} left out)" if found.left_out else ""
    grid[1, 0].text(0.5, 0.5, note, ha="center", va="center", transform=grid[1, 0].transAxes)


def _draw_errors(axes: Axes, found: Reliance, quantity: str) -> None:
    original = found.median(ORIGINAL, quantity)
    for part, side in zip(PARTS, (-WIDTH / 2, WIDTH / 2)):
        colour, hatch = STYLES[part]
        medians = [found.median(variant(part, change), quantity) for change in CHANGES]
        _bars(axes, np.arange(len(CHANGES)) + side, medians, colour, hatch, f"{part} changed")
    axes.axhline(original.value, color="black", linestyle="--", label="images as they are")
    axes.axhspan(original.low, original.high, color="black", alpha=0.12, linewidth=0, zorder=0)
    axes.set(
        ylabel=f"median {error_label(quantity, found.is_metric)}",
        xticks=range(len(CHANGES)),
        xticklabels=CHANGES,
        ylim=(0, None),
    )


def _draw_shares(axes: Axes, found: Reliance) -> None:
    sides = zip(QUANTITIES, (-WIDTH / 2, WIDTH / 2), SHARE_COLOURS, ("", "xx"))
    for quantity, side, colour, hatch in sides:
        shares = [found.share(change, quantity) for change in CHANGES]
        places = np.arange(len(CHANGES)) + side
        _bars(axes, places, shares, colour, hatch, quantity.partition("_")[0])
        for place, share in zip(places, shares):
            if np.isfinite(share.value):
                axes.text(place, share.high + 0.02, f"{share.value:.2f}", ha="center", fontsize="small")
    axes.axhline(0.5, color="black", linestyle=":", linewidth=1)
    axes.set_ylabel("background reliance\n(0: reads the object alone, 1: the background)", fontsize="small")
    axes.set_ylim(0, 1.08)
    axes.set(xticks=range(len(CHANGES)), xticklabels=CHANGES)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncol=2, frameon=False, fontsize="small")


def _bars(axes: Axes, places: np.ndarray, found: list[Interval], colour: str, hatch: str, label: str) -> None:
    """Bars with their intervals."""
    value, low, high = (np.array([getattr(each, name) for each in found]) for name in ("value", "low", "high"))
    axes.bar(
        places,
        value,
        WIDTH,
        yerr=np.maximum([value - low, high - value], 0),
        capsize=3,
        label=label,
        color=colour,
        hatch=hatch,
        edgecolor="black",
        linewidth=0.6,
    )

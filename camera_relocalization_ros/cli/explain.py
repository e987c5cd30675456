# SPDX-License-Identifier: BSD-3-Clause
"""reloc explain: pictures of what in an image a network's answer hangs on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from camera_relocalization_ros.training.explain.explained_pose import ExplainedFrames

NAME = "explain"
HELP = "Draw which parts of an image a trained network's position and orientation hang on."
UNITS = {"position": "m", "orientation": "deg"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished reloc train")
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--frames", type=int, nargs="+", metavar="N", help="these frames of the data, the first being 0")
    which.add_argument("--worst", type=int, default=3, metavar="N", help="the N frames most in error (default: 3)")
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="of gradient, guided_backpropagation, integrated_gradients, smoothgrad, occlusion, filters (default: all)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the PNGs go")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.report.figures.canvas import save_figure
    from camera_relocalization_ros.report.figures.saliency_figures import draw_filters
    from camera_relocalization_ros.training.explain.explained_pose import ExplainedFrames
    from camera_relocalization_ros.training.explain.saliency import FILTERS, METHODS, check_methods, first_filters
    from camera_relocalization_ros.training.run_folder import load_run

    methods = arguments.methods or [*METHODS, FILTERS]
    check_methods(methods)
    frames = ExplainedFrames(load_run(arguments.run_folder), Dataset.load(arguments.dataset))
    frames.check_rows(arguments.frames or [])
    if FILTERS in methods:
        path = arguments.output / "filters.png"
        title = f"first-layer filters of {frames.run.config.backbone} (grey: weight 0; each in shares of its largest)"
        save_figure(draw_filters(first_filters(frames.backbone), title), path)
        print(path)
    methods = [name for name in methods if name in METHODS]
    if methods:
        _explain_frames(frames, methods, arguments)
    return 0


def _explain_frames(frames: ExplainedFrames, methods: list[str], arguments: argparse.Namespace) -> None:
    from camera_relocalization_ros.report.figures.canvas import save_figure
    from camera_relocalization_ros.report.pages.thumbnails import worst_rows

    rows = arguments.frames
    if rows is None:
        rows = worst_rows(frames.errors(list(range(frames.dataset.frame_count))), arguments.worst)
    errors = frames.errors(rows)
    for row, position_m, orientation_deg in zip(rows, errors.position_m, errors.orientation_deg):
        caption = f"frame {row}: {position_m:.2f} m, {orientation_deg:.1f} deg off"
        path = arguments.output / f"frame_{row}.png"
        save_figure(
            _figure(frames, row, methods, f"{arguments.run_folder.name} on {arguments.dataset}, {caption}"), path
        )
        print(f"{path}: {caption}")
    pictures = f"--picture {arguments.output}/frame_N.png 'what frame N hangs on'"
    print(f"into a page: reloc report RESULT -o FILE.html {pictures}")


def _figure(frames: ExplainedFrames, row: int, methods: list[str], title: str) -> Figure:
    from camera_relocalization_ros.report.figures.saliency_figures import Row, draw_saliency
    from camera_relocalization_ros.training.explain.saliency import METHODS, saliency

    image, drawn = frames.image(row), []
    for name in methods:
        maps = {what: saliency(name, explained, image) for what, explained in frames.explained(row).items()}
        units = {what: f"{unit} per grey level" if METHODS[name].is_slope else unit for what, unit in UNITS.items()}
        drawn.append(Row(METHODS[name].title, maps, units))
    return draw_saliency(image, drawn, title)

# SPDX-License-Identifier: BSD-3-Clause
"""reloc explain: pictures of what in an image a network's answer hangs on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from camera_relocalization_ros.cli.early_checks import check_data, check_run_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from camera_relocalization_ros.training.explain.explained_pose import ExplainedFrames
    from camera_relocalization_ros.training.explain.saliency import SaliencySettings

NAME = "explain"
HELP = "Draw which parts of an image a trained network's position and orientation depend on."
EXAMPLE = "reloc explain out/run out/unseen -o out/explained"
# of a layer, the channels that are drawn
CHANNELS = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished reloc train")
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--frames", type=int, nargs="+", metavar="N", help="these frames, counted from 0")
    which.add_argument("--worst", type=int, default=3, metavar="N", help="the N frames most in error (default: 3)")
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="any of gradient, guided_backpropagation, integrated_gradients, smoothgrad, occlusion, filters (these six "
        "are the default), guided_smoothgrad, activations, maximisation",
    )
    parser.add_argument("--samples", type=int, metavar="N", help="noisy copies of SmoothGrad (default: 25)")
    parser.add_argument(
        "--noise",
        type=float,
        metavar="SHARE",
        help="their noise, as a share of the image's range (default: 0.1 of 255)",
    )
    parser.add_argument("--baseline", help="where integrated gradients begins: blurred (default) or black")
    parser.add_argument(
        "--layers", nargs="+", metavar="LAYER", help="layers for activations and maximisation (default: first and last)"
    )
    parser.add_argument(
        "--as-thesis",
        action="store_true",
        help="all methods as in the thesis' section 2.3.3: 50 copies, noise 0.2 of the range, mean of absolute values, "
        "from black",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the PNGs go")


def check(arguments: argparse.Namespace) -> None:
    check_run_folder(arguments.run_folder)
    check_data(arguments.dataset)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.training.explain.explained_pose import ExplainedFrames
    from camera_relocalization_ros.training.explain.saliency import (
        ACTIVATIONS,
        ALL_METHODS,
        FILTERS,
        MAXIMISATION,
        METHODS,
        check_methods,
    )
    from camera_relocalization_ros.training.run_folder import load_run

    of_layers = [FILTERS, ACTIVATIONS, MAXIMISATION]
    default = [*ALL_METHODS, *of_layers] if arguments.as_thesis else [*METHODS, FILTERS]
    methods = arguments.methods or default
    check_methods(methods)
    settings = saliency_settings(arguments)
    frames = ExplainedFrames(load_run(arguments.run_folder), Dataset.load(arguments.dataset))
    frames.check_rows(arguments.frames or [])
    for method, draw in zip(of_layers, (_draw_filters, _draw_activations, _draw_maximisation)):
        if method in methods:
            draw(frames, arguments)
    methods = [name for name in methods if name in ALL_METHODS]
    if methods:
        _explain_frames(frames, methods, settings, arguments)
    return 0


def saliency_settings(arguments: argparse.Namespace) -> SaliencySettings:
    """The thesis' or ours, changed by what is given; raises ConfigError."""
    from dataclasses import replace

    from camera_relocalization_ros.training.explain.saliency import AS_THESIS, SaliencySettings

    given = {"samples": arguments.samples, "noise_share": arguments.noise, "baseline": arguments.baseline}
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(AS_THESIS if arguments.as_thesis else SaliencySettings(), **changes)


def _draw_filters(frames: ExplainedFrames, arguments: argparse.Namespace) -> None:
    from camera_relocalization_ros.report.figures.saliency_figures import draw_filters
    from camera_relocalization_ros.training.explain.saliency import first_filters

    title = f"first-layer filters of {frames.run.config.backbone} (grey: weight 0; each in shares of its largest)"
    _save(draw_filters(first_filters(frames.backbone), title), arguments.output / "filters.png")


def _draw_activations(frames: ExplainedFrames, arguments: argparse.Namespace) -> None:
    from camera_relocalization_ros.report.figures.saliency_figures import draw_activations
    from camera_relocalization_ros.training.explain.activations import activations, strongest

    for row in _rows(frames, arguments):
        found = activations(frames.backbone, frames.image(row), _layers(frames, arguments))
        chosen = {layer: strongest(maps_chw, CHANNELS) for layer, maps_chw in found.items()}
        maps = [(layer, maps_chw[chosen[layer]], chosen[layer]) for layer, maps_chw in found.items()]
        title = f"frame {row}: strongest channels of {frames.run.config.backbone} (each from its least to its largest)"
        _save(draw_activations(maps, title), arguments.output / f"frame_{row}_activations.png")


def _draw_maximisation(frames: ExplainedFrames, arguments: argparse.Namespace) -> None:
    from camera_relocalization_ros.report.figures.saliency_figures import MAP_COLUMNS, draw_channels
    from camera_relocalization_ros.training.explain.activations import activations, maximising_images, strongest

    row, size = _rows(frames, arguments)[0], frames.run.preprocessing
    found = activations(frames.backbone, frames.image(row), _layers(frames, arguments))
    groups = []
    for layer, maps_chw in found.items():
        channels = strongest(maps_chw, CHANNELS)
        images = maximising_images(frames.backbone, layer, channels.tolist(), size.width, size.height)
        groups.append((layer, images, channels))
    title = (
        f"what the channels of {frames.run.config.backbone} answer most to (those that are strongest in frame {row})"
    )
    _save(draw_channels(groups, title, MAP_COLUMNS), arguments.output / "maximisation.png")


def _layers(frames: ExplainedFrames, arguments: argparse.Namespace) -> list[str]:
    from camera_relocalization_ros.training.explain.activations import default_layers

    return list(arguments.layers or default_layers(frames.backbone))


def _rows(frames: ExplainedFrames, arguments: argparse.Namespace) -> list[int]:
    from camera_relocalization_ros.report.pages.thumbnails import worst_rows

    if arguments.frames is not None:
        return list(arguments.frames)
    return worst_rows(frames.errors(list(range(frames.dataset.frame_count))), arguments.worst)


def _save(figure: Figure, path: Path) -> None:
    from camera_relocalization_ros.report.figures.canvas import save_figure

    save_figure(figure, path)
    print(path)


def _explain_frames(
    frames: ExplainedFrames, methods: list[str], settings: SaliencySettings, arguments: argparse.Namespace
) -> None:
    from camera_relocalization_ros.core.pose_errors import length_text
    from camera_relocalization_ros.report.figures.canvas import save_figure

    rows = _rows(frames, arguments)
    errors = frames.errors(rows)
    for row, position_m, orientation_deg in zip(rows, errors.position_m, errors.orientation_deg):
        off = length_text(position_m, frames.dataset.is_metric)
        caption = f"frame {row}: {off}, {orientation_deg:.1f} deg off"
        path = arguments.output / f"frame_{row}.png"
        title = f"{arguments.run_folder.name} on {arguments.dataset}, {caption}"
        save_figure(_figure(frames, row, methods, settings, title), path)
        print(f"{path}: {caption}")
    pictures = f"--picture {arguments.output}/frame_N.png 'what frame N hangs on'"
    print(f"into a page: reloc report RESULT -o FILE.html {pictures}")


def _figure(frames: ExplainedFrames, row: int, methods: list[str], settings: SaliencySettings, title: str) -> Figure:
    from camera_relocalization_ros.core.pose_errors import length_unit
    from camera_relocalization_ros.report.figures.saliency_figures import Row, draw_saliency
    from camera_relocalization_ros.training.explain.saliency import ALL_METHODS, saliency

    image, drawn = frames.image(row), []
    for name in methods:
        method = ALL_METHODS[name]
        maps = {what: saliency(name, explained, image, settings) for what, explained in frames.explained(row).items()}
        of = {"position": length_unit(frames.dataset.is_metric), "orientation": "deg"}
        units = {what: f"{unit} per grey level" if method.is_slope else unit for what, unit in of.items()}
        drawn.append(Row(method.title, maps, units))
    return draw_saliency(image, drawn, title)

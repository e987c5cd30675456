# SPDX-License-Identifier: BSD-3-Clause
"""reloc list: the backbones, heads and losses that a recipe can name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Sequence

if TYPE_CHECKING:
    from camera_relocalization_ros.training.backbones.weights import DrawnWeights, FileWeights

NAME = "list"
HELP = "List backbones (and whether their weights are found), heads and losses."
EXAMPLE = "reloc list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--licences",
        action="store_true",
        help="instead: the licences of the packages that are installed and needed; those of weights are in the table "
        "of backbones, and in a bundle (`reloc info BUNDLE`)",
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.licences:
        from camera_relocalization_ros.cli.licences import package_licences
        from camera_relocalization_ros.core.errors import printable

        rows = [(name, version, printable(licence)) for name, version, licence in package_licences()]
        _print_table(("PACKAGE", "VERSION", "LICENCE"), rows)
        return 0
    from camera_relocalization_ros.training.backbones import BACKBONES
    from camera_relocalization_ros.training.heads import HEADS
    from camera_relocalization_ros.training.losses import DISTANCES, LOSSES, WEIGHTINGS

    problems = {name: _problem(backbone.weights) for name, backbone in BACKBONES.items()}
    backbones = [
        (
            name,
            str(backbone.input_width),
            str(backbone.feature_channels),
            backbone.cut_layer or "-",
            {None: "random", "": "found"}.get(problems[name], "missing"),
            backbone.weights.licence,
        )
        for name, backbone in BACKBONES.items()
    ]
    _print_table(("BACKBONE", "INPUT PX", "FEATURES", "CUT AFTER", "WEIGHTS", "LICENCE"), backbones)
    _print_table(("HEAD", ""), [(name, _summary(head)) for name, head in HEADS.items()])
    losses = [(name, f"{distance} x {weighting}") for name, (distance, weighting) in LOSSES.items()]
    _print_table(("LOSS", "DISTANCE x WEIGHTING"), losses)
    print(f"Distances: {', '.join(DISTANCES)}.\nWeightings: {', '.join(WEIGHTINGS)}.")
    missing = {name: problem for name, problem in problems.items() if problem}
    if missing:
        print("\nTo get the missing weights:")
    for name, problem in missing.items():
        print(f"  {name}: {problem}")
    return 0


def _problem(weights: FileWeights | DrawnWeights) -> str | None:
    """Why the file cannot be read and what to do, "" when it can; None for weights that have no file."""
    from camera_relocalization_ros.core.errors import ConfigError
    from camera_relocalization_ros.training.backbones.weights import DrawnWeights, present_file

    if isinstance(weights, DrawnWeights):
        return None
    try:
        if not weights.path().is_file():
            return weights.how()
        present_file(weights)
    except ConfigError as error:
        return str(error)
    return ""


def _summary(described: type) -> str:
    return (described.__doc__ or "").splitlines()[0]


def _print_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()

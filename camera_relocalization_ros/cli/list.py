# SPDX-License-Identifier: BSD-3-Clause
"""reloc list: the backbones, heads and losses that a recipe can name."""

from __future__ import annotations

import argparse

NAME = "list"
HELP = "List backbones (and whether their weights are found), heads and losses."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.learning.backbones import BACKBONES
    from camera_relocalization_ros.learning.heads import HEADS
    from camera_relocalization_ros.learning.losses import LOSSES

    for name, backbone in BACKBONES.items():
        size = f"{backbone.input_width} px, {backbone.feature_channels}-D"
        print(f"backbone  {name:30} {size:16} {_weights(backbone.weights)}")
    for kind, names in (("head", HEADS), ("loss", LOSSES)):
        for name in names:
            print(f"{kind:9} {name}")
    return 0


def _weights(weights) -> str:
    from camera_relocalization_ros.core.errors import ConfigError

    if not weights.file:
        return "weights: drawn at random"
    try:
        path = weights.path()
    except ConfigError as error:
        return f"weights missing: {error}"
    return f"weights: {path}" if path.is_file() else f"weights missing: {path}; {weights.install}"

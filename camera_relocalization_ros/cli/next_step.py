# SPDX-License-Identifier: BSD-3-Clause
"""What a command prints last: what to type next on the way from bags to a model that flies."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camera_relocalization_ros.bundle.model_bundle import Bundle


def print_next(arguments: argparse.Namespace, *words: str | Path, why: str = "") -> None:
    """Print the next command, unless the user wants results only; words in capitals are for the user to fill in."""
    if not arguments.quiet:
        print(f"next{f', {why}' if why else ''}: {shlex.join(map(str, words))}")


def print_next_for_bundle(arguments: argparse.Namespace, bundle: Bundle) -> None:
    """What a bundle lacks before it can fly: landmarks, a calibration, or nothing."""
    path = bundle.path
    if bundle.landmark_map is None:
        print_next(arguments, "reloc", "map", "TRAINING_DATA", "--bundle", path, why="for poses to centimetres")
    elif bundle.sidecar.error_calibration is None:
        why = "for covariances and states, on a flight that was not trained on"
        print_next(arguments, "reloc", "calibrate", path, "OTHER_DATA", why=why)
    else:
        launch = ("roslaunch", "camera_relocalization_ros", "relocalize.launch")
        print_next(
            arguments, *launch, f"bundle:={path.resolve()}", "image_topic:=TOPIC", why="to fly once the verdict is good"
        )

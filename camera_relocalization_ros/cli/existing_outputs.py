# SPDX-License-Identifier: BSD-3-Clause
"""The one rule of all commands for outputs that exist: refused, or replaced as a whole with --overwrite."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Iterator

from camera_relocalization_ros.core.errors import RelocalizationError
from camera_relocalization_ros.core.output_files import is_taken, taken_text

RULE = (
    "An output that exists is refused and stays as it is; with --overwrite it is replaced when the new one is whole. "
    "What was interrupted goes on when the same command is given again."
)
OUTPUTS = ("output", "json", "object_mesh")
# these add to the folder that they are given; what is finished in it stays
ADDING = ("tune", "reproduce")
# what a command writes into a folder where other things may lie
FILES_OF_FOLDERS = {
    "stats": ("statistics.json",),
    "features": ("features.json",),
    "background": ("background.json",),
    "explain": ("filters.png", "frame_*.png"),
    # a folder that a training was interrupted in is no run yet, and the training goes on
    "train": ("run.yaml",),
}
# of what holds one of these, a run is no part; the training that was interrupted in a folder has none of them
NO_RUNS = ("dataset.yaml", "bundle.yaml", "result.yaml")
# files of ours that are parts of a folder, and never an output by themselves
PARTS = (
    *("dataset.yaml", "frames.csv", "result.yaml", "bundle.yaml", "run.yaml", "network.onnx"),
    *("training.npz", "test_vector.npz", "landmarks.npz", "head.pt", "tail.pt"),
)


def add_overwrite(parser: argparse.ArgumentParser, name: str) -> None:
    """Give a command that writes an output the option --overwrite."""
    writes = any(action.dest == "output" for action in parser._actions)
    if name not in ADDING and (writes or name == "split"):
        parser.add_argument(
            "--overwrite", action="store_true", help="replace the output if it exists; else that is refused"
        )


def refuse_bad_outputs(arguments: argparse.Namespace) -> None:
    """Raise RelocalizationError when an output exists that is not to be overwritten, or cannot be written."""
    _refuse_unwritable_outputs(arguments)
    if arguments.command == "train":
        for name in NO_RUNS:
            if (arguments.output / name).is_file():
                raise RelocalizationError(f"{arguments.output}: holds {name}, and no run; choose another name")
    if getattr(arguments, "overwrite", True):
        if getattr(arguments, "overwrite", False):
            _refuse_to_destroy(arguments)
        return
    for path in _outputs(arguments):
        if is_taken(path):
            raise RelocalizationError(taken_text(path))


def _refuse_to_destroy(arguments: argparse.Namespace) -> None:
    """Raise RelocalizationError when what is to be replaced holds what the command reads, or is run in."""
    outputs = list(_outputs(arguments))
    if arguments.command == "train":
        outputs = [arguments.output]
    read = [(name, Path(name).absolute()) for name in _named(arguments)]
    for output in filter(is_taken, outputs):
        place = Path(os.path.realpath(output))
        if output.name in PARTS and output.is_file() and arguments.command != "train":
            raise RelocalizationError(
                f"{output}: a part of what lies beside it, so it is not replaced; choose another name"
            )
        for name, path in [*read, ("the folder that you are in", Path.cwd())]:
            if place in (path.resolve(), *path.resolve().parents):
                raise RelocalizationError(f"{output}: is not replaced, for it is or holds {name}; choose another name")


def _named(arguments: argparse.Namespace) -> Iterator[str]:
    """What the arguments name that is there: inputs, for outputs and caches are left out."""
    for key, value in vars(arguments).items():
        for item in value if isinstance(value, (list, tuple)) else [value]:
            name = str(item).partition("@")[0] if isinstance(item, (str, Path)) else ""
            if name and key not in (*OUTPUTS, "cache", "command") and os.path.exists(name):
                yield name


def _refuse_unwritable_outputs(arguments: argparse.Namespace) -> None:
    for name in ("output", "json"):
        path: Path | None = getattr(arguments, name, None)
        if path is None:
            continue
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir():
            raise RelocalizationError(f"{path}: cannot be written ({above} is a file, not a directory)")
        if not path.exists() and not os.access(above, os.W_OK | os.X_OK):
            raise RelocalizationError(f"{path}: cannot be written (no permission to write in {above})")


def _outputs(arguments: argparse.Namespace) -> Iterator[Path]:
    output: Path | None = getattr(arguments, "output", None)
    if output is not None:
        patterns = FILES_OF_FOLDERS.get(arguments.command)
        yield from [output] if patterns is None else (path for pattern in patterns for path in output.glob(pattern))
    if getattr(arguments, "json", None) is not None:
        yield arguments.json
    if getattr(arguments, "object_mesh", None) is not None and arguments.command == "simulate":
        yield arguments.object_mesh

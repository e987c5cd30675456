# SPDX-License-Identifier: BSD-3-Clause
"""reloc split: parts of a data set, as a file in it that other commands take as DATASET@SPLIT.PART."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from camera_relocalization_ros.core.errors import DatasetError

NAME = "split"
HELP = "Divide a data set into parts and say whether they leak; other commands take DATASET@NAME.PART."
KINDS = {
    "periodic": "stretches of every N frames: --period N --part NAME=FIRST-LAST ...",
    "sequences": "whole sequences: --part NAME=PATTERN,PATTERN ...; the pattern rest takes those that are left",
    "blocks": "of every K blocks of N frames the last is test: --block N --every K --guard G",
    "airframe-mixed": "blocks of every sequence, a quarter of it test",
    "airframe-ind": "one placement of the object is test: --held-out NUMBER (default: the last)",
    "leave-one-placement-out": "as airframe-ind, one split for each placement: NAME_1, NAME_2, ...",
    "check": "only look at the split NAME that is there",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{HELP}\n\nkinds:\n" + "\n".join(f"  {kind:<24} {text}" for kind, text in KINDS.items())
    parser.add_argument("dataset", type=Path, help="data set; a file is added in its folder splits/")
    parser.add_argument("kind", nargs="?", choices=list(KINDS), default="periodic", help="default: periodic")
    parser.add_argument("--name", default="holdout", help="name of the split (default: holdout)")
    parser.add_argument("--period", type=int, metavar="N", help="periodic: frames after which the stretches repeat")
    parser.add_argument(
        "--part", action="append", default=[], metavar="NAME=...", help="periodic, sequences: give it once per part"
    )
    parser.add_argument("--block", type=int, default=50, metavar="N", help="blocks: frames in each (default: 50)")
    parser.add_argument("--every", type=int, default=4, metavar="K", help="blocks: one in K is test (default: 4)")
    parser.add_argument(
        "--guard", type=int, default=5, metavar="G", help="blocks: training frames left out beside test (default: 5)"
    )
    parser.add_argument("--held-out", type=int, metavar="NUMBER", help="airframe-ind: the placement to test on")
    parser.add_argument(
        "--placement",
        action="append",
        default=[],
        metavar="SEQUENCE=NUMBER",
        help="where the object stood in some sequences, when extraction could not tell; shell patterns are fine",
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.dataset import Dataset, safe_name
    from camera_relocalization_ros.core.splits import save_split

    dataset = Dataset.load(arguments.dataset)
    if arguments.kind == "check":
        return 1 if _tell(arguments, arguments.name) else 0
    for name, parts in _make(arguments, dataset).items():
        empty = [part for part, sequences in parts.items() if not _frame_count(dataset, sequences)]
        if empty or not parts:
            raise DatasetError(f"{arguments.dataset}: part {empty[0] if empty else ''!r} would have no frames")
        save_split(dataset.path, safe_name(name), parts, _made_by(arguments))
        _tell(arguments, name)
    return 0


def _make(arguments: argparse.Namespace, dataset: Any) -> dict[str, Any]:
    """The parts of each split to write, by name."""
    from camera_relocalization_ros.core import split_kinds as kinds

    name = arguments.name
    if arguments.kind == "periodic":
        if not arguments.period or not arguments.part:
            raise DatasetError("periodic needs --period N and --part NAME=FIRST-LAST")
        return {name: kinds.periodic(dataset, arguments.period, dict(map(_stretch, arguments.part)))}
    if arguments.kind == "sequences":
        if not arguments.part:
            raise DatasetError("sequences needs --part NAME=PATTERN,PATTERN")
        patterns = {part: text.split(",") for part, text in (_named(text) for text in arguments.part)}
        return {name: kinds.whole_sequences(dataset, patterns)}
    if arguments.kind == "blocks":
        return {name: kinds.blocks(dataset, arguments.block, arguments.every, arguments.guard)}
    if arguments.kind == "airframe-mixed":
        return {name: kinds.airframe_mixed(dataset)}
    placements = kinds.placements_of(dataset, dict(map(_placement, arguments.placement)))
    numbers = sorted(set(placements.values()))
    if arguments.kind == "airframe-ind":
        return {name: kinds.airframe_ind(dataset, placements, arguments.held_out or numbers[-1])}
    return {f"{name}_{number}": kinds.airframe_ind(dataset, placements, number) for number in numbers}


def _tell(arguments: argparse.Namespace, name: str) -> bool:
    """Print each part, and what it gives away; whether a part leaks."""
    from camera_relocalization_ros.core.dataset import Dataset
    from camera_relocalization_ros.core.leakage import find_leakage
    from camera_relocalization_ros.core.splits import load_split

    parts = load_split(arguments.dataset, name)
    specs = {part: f"{arguments.dataset}@{name}.{part}" for part in parts}
    leaks = False
    for part, spec in specs.items():
        loaded = Dataset.load(spec)
        if part == "train" or "train" not in parts:
            print(f"{spec}: {loaded.frame_count} frames")
            continue
        found = find_leakage(Dataset.load(specs["train"]), loaded)
        leaks = leaks or found.leaks
        print(f"{spec}: {found.sentence()}")
    return leaks


def _frame_count(dataset: Any, ranges: dict[str, list[list[int]]]) -> int:
    from camera_relocalization_ros.core.splits import is_within

    sequences = (sequence for sequence in dataset.sequences if sequence.name in ranges)
    return sum(is_within(frame.number, ranges[s.name]) for s in sequences for frame in s.frames)


def _made_by(arguments: argparse.Namespace) -> str:
    given = {key: value for key, value in vars(arguments).items() if key not in ("run", "command", "dataset", "name")}
    words = [f"--{key.replace('_', '-')}={value}" for key, value in sorted(given.items()) if value not in (None, [])]
    return shlex.join(["reloc", "split", arguments.kind, *words])


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals and value):
        raise DatasetError(f"--part {text!r} is not NAME=..., for example test=65-79 or test=flight3")
    return name, value


def _stretch(text: str) -> tuple[str, tuple[int, int]]:
    name, stretch = _named(text)
    first, _, last = stretch.partition("-")
    if not (first.isdigit() and last.isdigit()):
        raise DatasetError(f"--part {text!r} is not NAME=FIRST-LAST, for example test=65-79")
    return name, (int(first), int(last))


def _placement(text: str) -> tuple[str, int]:
    pattern, equals, number = text.rpartition("=")
    if not (equals and number.isdigit() and int(number) > 0):
        raise DatasetError(f"--placement {text!r} is not SEQUENCE=NUMBER, for example flight3=6")
    return pattern, int(number)

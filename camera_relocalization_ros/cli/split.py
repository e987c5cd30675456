# SPDX-License-Identifier: BSD-3-Clause
"""reloc split: parts of a data set, as a file in it that other commands take as DATASET@SPLIT.PART."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from camera_relocalization_ros.cli.next_step import print_next
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.output_files import taken_text

NAME = "split"
HELP = "Divide a data set into parts and say whether they leak; other commands take DATASET@NAME.PART."
EXAMPLE = "reloc split out/flights blocks --name blocks"
KINDS = {
    "periodic": "stretches of every N frames: --period N --part NAME=FIRST-LAST ...",
    "sequences": "whole sequences: --part NAME=PATTERN,PATTERN ...; the pattern rest takes those that are left",
    "blocks": "of every K blocks of N frames the last is test: --block N --every K --guard G",
    "airframe-mixed": "blocks of every sequence, a quarter of it test",
    "airframe-ind": "one placement of the object is test: --held-out NUMBER (default: the last)",
    "leave-one-placement-out": "as airframe-ind, one split for each placement: NAME_1, NAME_2, ...",
    "check": "only look at the split NAME that is there; exit code 1 when it leaks",
}
OPTIONS = {
    "periodic": ("period", "part"),
    "sequences": ("part",),
    "blocks": ("block", "every", "guard"),
    "airframe-ind": ("held_out", "placement"),
    "leave-one-placement-out": ("placement",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{HELP}\n\nkinds:\n" + "\n".join(f"  {kind:<24} {text}" for kind, text in KINDS.items())
    parser.add_argument("dataset", type=Path, help="data set; a file is added in its folder splits/")
    parser.add_argument("kind", nargs="?", choices=list(KINDS), default="periodic", help="default: periodic")
    parser.add_argument("--name", default="holdout", help="name of the split (default: holdout)")
    parser.add_argument("--period", type=int, metavar="N", help="periodic: frames after which the stretches repeat")
    parser.add_argument("--part", action="append", metavar="NAME=...", help="periodic, sequences: once for each part")
    parser.add_argument(
        "--block", type=int, metavar="N", help="blocks: frames in each (default: 50, fewer where recordings are short)"
    )
    parser.add_argument("--every", type=int, metavar="K", help="blocks: one in K is test (default: 4)")
    parser.add_argument(
        "--guard", type=int, metavar="G", help="blocks: training frames left out beside test (default: those of 1 s)"
    )
    parser.add_argument(
        "--apart",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="a test frame leaks when a training frame of its sequence is closer in time (default: 1)",
    )
    parser.add_argument("--held-out", type=int, metavar="NUMBER", help="airframe-ind: the placement to test on")
    parser.add_argument(
        "--placement",
        action="append",
        metavar="SEQUENCE=NUMBER",
        help="where the object stood in some sequences, when extraction could not tell; shell patterns are fine",
    )


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.data.splits import save_split, split_path

    dataset = Dataset.load(arguments.dataset)
    _refuse_strange_options(arguments)
    if arguments.kind == "check":
        return 1 if _tell(arguments, arguments.name) else 0
    splits, made_by = _make(arguments, dataset), _made_by(arguments)
    # all are looked at before the first is written
    for name, parts in splits.items():
        _refuse_bad_split(dataset, name, parts)
        if split_path(dataset.path, name).exists() and not arguments.overwrite:
            raise DatasetError(taken_text(split_path(dataset.path, name)))
    for name, parts in splits.items():
        save_split(dataset.path, name, parts, made_by)
        _tell(arguments, name)
    name, parts = next(iter(splits.items()))
    if "train" in parts:
        held_out = ["--val", f"{arguments.dataset}@{name}.val"] if "val" in parts else []
        print_next(arguments, "reloc", "train", f"{arguments.dataset}@{name}.train", *held_out, "-o", "RUN")
    return 0


def _make(arguments: argparse.Namespace, dataset: Any) -> dict[str, Any]:
    """The parts of each split to write, by name; fills in the options that were left out."""
    from camera_relocalization_ros.data import split_kinds as kinds

    name, kind = arguments.name, arguments.kind
    if kind == "periodic":
        if not arguments.period or not arguments.part:
            raise DatasetError(f"periodic needs --period N and --part NAME=FIRST-LAST; other kinds: {', '.join(KINDS)}")
        stretches = {part: _stretch(part, text) for part, text in _parts(arguments.part).items()}
        return {name: kinds.periodic(dataset, arguments.period, stretches)}
    if kind == "sequences":
        if not arguments.part:
            raise DatasetError("sequences needs --part NAME=PATTERN,PATTERN")
        patterns = {part: text.split(",") for part, text in _parts(arguments.part).items()}
        return {name: kinds.whole_sequences(dataset, patterns)}
    if kind == "blocks":
        arguments.every = 4 if arguments.every is None else arguments.every
        if arguments.block is None:
            arguments.block = kinds.block_length(dataset, arguments.every)
        if arguments.guard is None:
            arguments.guard = max(kinds.guard_frames(sequence) for sequence in dataset.sequences)
        return {name: kinds.blocks(dataset, arguments.block, arguments.every, arguments.guard)}
    if kind == "airframe-mixed":
        return {name: kinds.airframe_mixed(dataset)}
    placements = kinds.placements_of(dataset, dict(map(_placement, arguments.placement or [])))
    numbers = sorted(set(placements.values()))
    if kind == "airframe-ind":
        arguments.held_out = numbers[-1] if arguments.held_out is None else arguments.held_out
        return {name: kinds.airframe_ind(dataset, placements, arguments.held_out)}
    return {f"{name}_{number}": kinds.airframe_ind(dataset, placements, number) for number in numbers}


def _tell(arguments: argparse.Namespace, name: str) -> bool:
    """Print each part, and what it gives away; whether a part leaks."""
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.data.leakage import find_leakage
    from camera_relocalization_ros.data.splits import load_split

    loaded = {part: Dataset.load(f"{arguments.dataset}@{name}.{part}") for part in load_split(arguments.dataset, name)}
    leaks = False
    for part, dataset in loaded.items():
        spec = f"{arguments.dataset}@{name}.{part}"
        if part == "train" or "train" not in loaded:
            print(f"{spec}: {dataset.frame_count} frames")
            continue
        found = find_leakage(loaded["train"], dataset, arguments.apart)
        leaks = leaks or found.leaks
        print(f"{'WARNING ' if found.leaks else ''}{spec}: {found.sentence()}")
    return leaks


def _refuse_strange_options(arguments: argparse.Namespace) -> None:
    known = OPTIONS.get(arguments.kind, ())
    for option in sorted({option for options in OPTIONS.values() for option in options}):
        if getattr(arguments, option) is not None and option not in known:
            takes = ", ".join(map(_flag, known)) or "none"
            raise DatasetError(f"{_flag(option)} is no option of a split of kind {arguments.kind}; it takes: {takes}")


def _refuse_bad_split(dataset: Any, name: str, parts: dict[str, Any]) -> None:
    from camera_relocalization_ros.data.dataset import safe_name
    from camera_relocalization_ros.data.splits import is_within

    if set("@.") & set(safe_name(name)):
        raise DatasetError(f"--name {name!r} is not a plain name; @ and . divide DATASET@NAME.PART")
    for part, ranges in parts.items():
        sequences = (sequence for sequence in dataset.sequences if sequence.name in ranges)
        if not any(is_within(frame.number, ranges[s.name]) for s in sequences for frame in s.frames):
            longest = max(len(sequence.frames) for sequence in dataset.sequences)
            raise DatasetError(
                f"{dataset.path}: part {part!r} of split {name!r} would have no frames; nothing written (its longest "
                f"sequence has {longest} frames: take shorter stretches, or split by whole sequences)"
            )


def _made_by(arguments: argparse.Namespace) -> str:
    """The command, with the options that were left out."""
    words = ["reloc", "split", "DATASET", arguments.kind]
    for option in OPTIONS.get(arguments.kind, ()):
        value = getattr(arguments, option)
        for item in value if isinstance(value, list) else [value]:
            words += [] if item is None else [_flag(option), str(item)]
    return shlex.join([*words, "--name", arguments.name])


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _parts(texts: list[str]) -> dict[str, str]:
    parts: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name.isidentifier() and equals and value):
            raise DatasetError(f"--part {text!r} is not NAME=..., for example test=65-79 or test=flight3")
        if name in parts:
            raise DatasetError(f"--part {name} is given twice: {parts[name]!r} and {value!r}")
        parts[name] = value
    return parts


def _stretch(part: str, text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit()):
        raise DatasetError(f"--part '{part}={text}' is not NAME=FIRST-LAST, for example test=65-79")
    return int(first), int(last)


def _placement(text: str) -> tuple[str, int]:
    pattern, equals, number = text.rpartition("=")
    if not (equals and number.isdigit() and int(number) > 0):
        raise DatasetError(f"--placement {text!r} is not SEQUENCE=NUMBER, for example flight3=6")
    return pattern, int(number)

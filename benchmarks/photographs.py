#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bundles from a folder of real recordings that somebody has: one recipe for all sets, by default settings.

    python benchmarks/photographs.py FOLDER --work out/photographs
    python benchmarks/peer.py out/photographs

Below FOLDER, at most two folders deep, a set is what has sequences seq-* (7-Scenes' layout), a transforms.json, or
nothing but pictures (whose poses `reloc survey` finds). Of every hundred frames of a stream 0-59 train, 65-79 test and
85-94 calibrate, where there are such; of every sixteen photographs 1-10 train and 12-15 test, for there are too few.
Each set gets a folder in WORK: data (with its split), run, bundle (with a map). What is there is not made again, so
that an interrupted run goes on; minutes.txt in a set's folder says what each step took.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.splits import split_path

# a set lies so many folders below the one that is given, at most
DEPTH = 2
STREAM = 100, {"train": (0, 59), "test": (65, 79), "calibrate": (85, 94)}
PHOTOGRAPHS = 16, {"train": (1, 10), "test": (12, 15)}
SPLIT = "holdout"
PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Source:
    """Where a set lies, and the layout by which it is imported; "" for pictures without poses."""

    path: Path
    layout: str

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.path.name


def source_in(folder: Path) -> Source | None:
    """The set that a folder is; None where it is none."""
    if (folder / "transforms.json").is_file():
        return Source(folder, "transforms")
    if any(folder.glob("seq-*")):
        return Source(folder, "7scenes")
    pictures = folder / "images" if (folder / "images").is_dir() else folder
    has_pictures = any(path.suffix.lower() in PICTURES for path in pictures.iterdir())
    return Source(folder, "") if has_pictures else None


def sources(folder: Path, depth: int = DEPTH) -> list[Source]:
    """The sets below a folder, or itself; raises SystemExit where two have one name."""
    own = source_in(folder)
    if own is not None or not depth:
        return [own] if own is not None else []
    found = [one for below in sorted(folder.iterdir()) if below.is_dir() for one in sources(below, depth - 1)]
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise SystemExit(f"{folder}: two sets of one name among {', '.join(names)}")
    return found


class Steps:
    """Runs the reloc program for one set, and keeps minutes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def reloc(self, *arguments: object) -> None:
        """One command; raises CalledProcessError."""
        started = time.monotonic()
        subprocess.run(["reloc", *map(str, arguments)], check=True)
        line = f"{arguments[0]}: {(time.monotonic() - started) / 60:.1f} minutes"
        print(f"{self._folder.name}: {line}", flush=True)
        with (self._folder / "minutes.txt").open("a", encoding="utf-8") as minutes:
            minutes.write(f"{line}\n")


def data_of(source: Source, steps: Steps, path: Path) -> list[str]:
    """Import or survey a set and split it, as far as that is not done; the names of its parts."""
    if not path.is_dir():
        if source.layout:
            steps.reloc("import", source.layout, source.path, "-o", path)
        else:
            steps.reloc("survey", source.path, "-o", path)
    dataset = Dataset.load(path)
    period, stretches = PHOTOGRAPHS if all(s.is_photographs for s in dataset.sequences) else STREAM
    numbers = {frame.number % period for frame in dataset.frames}
    parts = {name: f"{a}-{b}" for name, (a, b) in stretches.items() if not numbers.isdisjoint(range(a, b + 1))}
    if not split_path(path, SPLIT).is_file():
        wanted = [f"--part={name}={stretch}" for name, stretch in parts.items()]
        steps.reloc("split", path, "--name", SPLIT, "--period", period, *wanted)
    return list(parts)


def lay_out(source: Source, work: Path, seed: int) -> None:
    """A bundle by the recommended recipe, with a map, and calibrated where there is something to calibrate on."""
    folder = work / source.name
    steps, data, run, bundle = Steps(folder), folder / "data", folder / "run", folder / "bundle"
    parts = data_of(source, steps, data)
    if not bundle.is_dir():
        if not (run / "run.yaml").is_file():
            steps.reloc("train", f"{data}@{SPLIT}.train", "--seed", seed, "-o", run)
        steps.reloc("export", run, "-o", bundle)
    if not (folder / "done").is_file():
        steps.reloc("map", f"{data}@{SPLIT}.train", "--bundle", bundle)
        if "calibrate" in parts:
            steps.reloc("calibrate", bundle, f"{data}@{SPLIT}.calibrate")
        (folder / "done").touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, default=Path("out/photographs"))
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="only these (default: all that are found)")
    parser.add_argument("--seed", type=int, default=0, help="of training")
    arguments = parser.parse_args()
    found = sources(arguments.folder)
    print(f"{arguments.folder}: {', '.join(one.name for one in found) or 'no set'}", flush=True)
    for source in found:
        if not arguments.sets or source.name in arguments.sets:
            lay_out(source, arguments.work, arguments.seed)


if __name__ == "__main__":
    main()

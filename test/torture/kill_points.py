# SPDX-License-Identifier: BSD-3-Clause
"""Kills writers of files before each step that the file system sees, and tries full and wrong disks."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

import numpy as np
from colour_bundle import COLOUR_BUNDLE
from forked import DONE, REFUSED, in_fork
from helpers import write_fake_dataset
from made_result import made_result

from camera_relocalization_ros.bundle.model_bundle import load_bundle, save_bundle
from camera_relocalization_ros.core.output_files import found_folder, replaced_folder, write_json
from camera_relocalization_ros.core.plain_values import read_json_mapping
from camera_relocalization_ros.data.dataset import MANIFEST, Dataset
from camera_relocalization_ros.data.splits import load_split, save_split
from camera_relocalization_ros.evaluation.result_files import load_result, write_result

# what Python tells before it changes something on the disk
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree", "ctypes.dlsym")


@dataclass(frozen=True)
class Writer:
    """Writes generation 0 or 1 of something at a path, and tells which one lies there; raises when none is whole."""

    write: Callable[[Path, int], None]
    generation: Callable[[Path], int]


def _write_bundle(path: Path, generation: int) -> None:
    b = load_bundle(COLOUR_BUNDLE)
    assert b.reference_outputs is not None
    origin = {**b.sidecar.origin, "generation": generation}
    object.__setattr__(b.sidecar, "origin", origin)
    save_bundle(path, b.sidecar, b.network, b.index, b.reference_outputs)


def _write_dataset(path: Path, generation: int) -> None:
    with replaced_folder(path, (MANIFEST,), True) as target:
        write_fake_dataset(target, counts=(3 + generation,))


def _write_split(path: Path, generation: int) -> None:
    # DATASET/splits/NAME.yaml
    save_split(path.parents[1], path.stem, {"train": {"flight0": [[0, generation]]}}, "torture")


WRITERS = {
    "bundle": Writer(_write_bundle, lambda path: int(load_bundle(path).sidecar.origin["generation"])),
    "data set": Writer(_write_dataset, lambda path: Dataset.load(path).frame_count - 3),
    "result": Writer(
        lambda path, n: write_result(path, made_result(6).select(np.arange(5 + n))),
        lambda path: len(load_result(found_folder(path))) - 5,
    ),
    "split": Writer(_write_split, lambda path: load_split(path.parents[1], path.stem)["train"]["flight0"][0][1]),
    "json": Writer(lambda path, n: write_json(path, {"n": n}), lambda path: int(read_json_mapping(path)["n"])),
}


def kill_points(folder: Path, counts: Counter[str], faults: list[str], over: Callable[[], bool]) -> None:
    """Each writer killed before each step while it replaces what exists, and while it writes anew."""
    for name, writer in WRITERS.items():
        for exists in (True, False):
            step = 0
            while not over():
                path = fresh(folder, exists, writer)
                ended = in_fork(partial(_killed_at, step, partial(writer.write, path, 1)))
                if ended.code == DONE:
                    break
                counts["kill points"] += 1
                faults += damage_after(f"{name}, step {step}", path, writer, exists, ended.code == -signal.SIGKILL)
                step += 1


def disk_cases(folder: Path, counts: Counter[str], faults: list[str], over: Callable[[], bool]) -> None:
    """Each writer on a disk that is full after so many bytes, and with a file where a folder should be."""
    for name, writer in WRITERS.items():
        for limit in (0, 1, 100, 1000, 4000):
            for exists in (True, False):
                if over():
                    return
                path = fresh(folder, exists, writer)
                ended = in_fork(partial(_with_full_disk, limit, partial(writer.write, path, 1)))
                counts["disk cases"] += 1
                where = f"{name}, {limit} bytes"
                if ended.code not in (DONE, REFUSED) or ended.said.count("\n"):
                    faults.append(f"tracebacks: {where}: {ended.code} {ended.said[-200:]}")
                if ended.code == REFUSED and exists and _generation(path, writer) != 0:
                    faults.append(f"lost finished work: {where}")
        (folder / "file").write_text("in the way")
        ended = in_fork(partial(writer.write, folder / "file" / "below" / "out.yaml", 1))
        counts["disk cases"] += 1
        if ended.code != REFUSED or "file" not in ended.said or "\n" in ended.said:
            faults.append(f"tracebacks: {name}, a file in the way: {ended.code} {ended.said[-200:]}")


def fresh(folder: Path, exists: bool, writer: Writer) -> Path:
    """A path in a folder of its own, where generation 0 lies, or nothing."""
    shutil.rmtree(folder / "kills", ignore_errors=True)
    path = folder / "kills" / "splits" / "out.yaml"
    path.parent.mkdir(parents=True)
    if exists:
        writer.write(path, 0)
    return path


def damage_after(where: str, path: Path, writer: Writer, existed: bool, killed: bool) -> list[str]:
    """A line for each fault after a kill: nothing whole is left, half of it is taken, or there is no way on."""
    faults = [] if killed else [f"process crashes: {where}"]
    found = _generation(path, writer)
    if existed and found is None:
        faults.append(f"lost finished work: {where}")
    if not existed and found not in (None, 1):
        faults.append(f"half results: {where}: generation {found}")
    ended = in_fork(lambda: writer.write(path, 1))
    if ended.code != DONE or _generation(path, writer) != 1:
        faults.append(f"half results: {where}: again ends with {ended.code} {ended.said[-200:]}")
    left = [item.name for item in path.parent.iterdir() if item != path]
    return [*faults, *([f"half results: {where}: left behind {left}"] if left else [])]


def _generation(path: Path, writer: Writer) -> int | None:
    try:
        return writer.generation(path)
    except Exception:
        return None


def _killed_at(step: int, work: Callable[[], None]) -> None:
    seen = 0

    def before(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event in STEPS and _changes(event, arguments):
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    sys.addaudithook(before)
    work()


def _changes(event: str, arguments: tuple) -> bool:
    # of files, those opened for writing: (path, mode, flags)
    return event != "open" or bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _with_full_disk(limit: int, work: Callable[[], None]) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    work()

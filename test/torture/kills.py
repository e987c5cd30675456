# SPDX-License-Identifier: BSD-3-Clause
"""Whole commands killed at random moments: what they write is whole or not there, and the same command goes on."""

from __future__ import annotations

import importlib
import os
import random
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Callable

from colour_bundle import COLOUR_BUNDLE
from forked import DONE, in_fork
from helpers import write_fake_dataset
from kill_points import Writer, damage_after, fresh
from made_result import made_result

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import RelocalizationError
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.layouts.tum import export_tum
from camera_relocalization_ros.evaluation.result_files import load_result, write_result

PACKAGE = "camera_relocalization_ros"


def random_kills(folder: Path, seed: int, counts: Counter[str], faults: list[str], over: Callable[[], bool]) -> None:
    """Commands, killed while it replaces what exists and while it writes anew, until it is over."""
    rng = random.Random(seed)
    writers = {name: (writer, _duration(writer, folder)) for name, writer in _commands(folder / "inputs").items()}
    # the quick ones more often, each with about the same time
    weights = [1.0 / duration_s for _, duration_s in writers.values()]
    while not over():
        ((name, (writer, duration_s)),) = rng.choices(list(writers.items()), weights)
        exists = rng.random() < 0.5
        path = fresh(folder, False, writer)
        if exists:
            in_fork(partial(writer.write, path, 0))
        delay_s = rng.uniform(0.001, duration_s)
        ended = in_fork(partial(_killed_after, delay_s, writer, path))
        if ended.code == DONE:
            continue
        counts["kills"] += 1
        where = f"reloc {name}, killed after {delay_s:.3f} s"
        faults += damage_after(where, path, writer, exists, ended.code == -signal.SIGALRM)


def _commands(folder: Path) -> dict[str, Writer]:
    # or each process spends its time, and finds its end, with loading them
    for module in ("matplotlib.figure", "onnxruntime", f"{PACKAGE}.report.pages.result_page"):
        importlib.import_module(module)
    importlib.import_module(f"{PACKAGE}.pipelines.evaluate_bundle")
    folder.mkdir()
    dataset = write_fake_dataset(folder / "dataset", counts=(12,))
    write_result(folder / "result", made_result(12))
    export_tum(dataset, folder / "tum")

    def command(*before: str, whole: Callable[[Path], object]) -> Writer:
        def write(path: Path, _generation: int) -> None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            if main([*before, "-o", str(path), "--overwrite", "--quiet"]):
                raise RelocalizationError("it ends with 1")

        return Writer(write, lambda path: 1 if whole(path) else 0)

    def page_is_whole(path: Path) -> bool:
        return path.read_text(encoding="utf-8").rstrip().endswith("</html>")

    def export_is_whole(path: Path) -> bool:
        return {"rgb", "rgb.txt", "groundtruth.txt"} == {item.name for item in path.iterdir()}

    return {
        "export-dataset": command("export-dataset", str(dataset.path), "tum", whole=export_is_whole),
        "import": command("import", "tum", str(folder / "tum"), whole=Dataset.load),
        "evaluate": command("evaluate", str(COLOUR_BUNDLE), str(dataset.path), whole=load_result),
        "report": command("report", str(folder / "result"), whole=page_is_whole),
    }


def _duration(writer: Writer, folder: Path) -> float:
    """Seconds that an undisturbed run takes here; raises AssertionError where it fails."""
    path = fresh(folder, False, writer)
    started = time.monotonic()
    ended = in_fork(partial(writer.write, path, 1))
    assert ended.code == DONE, ended.said
    return time.monotonic() - started


def _killed_after(delay_s: float, writer: Writer, path: Path) -> None:
    # SIGALRM ends it as SIGKILL does: nothing is cleaned up
    signal.setitimer(signal.ITIMER_REAL, delay_s)
    writer.write(path, 1)
    signal.setitimer(signal.ITIMER_REAL, 0)

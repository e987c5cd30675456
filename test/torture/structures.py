# SPDX-License-Identifier: BSD-3-Clause
"""Values of any shape, drawn by Hypothesis, in the place of any value of YAML and JSON files, into their readers."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Callable

import yaml
from forked import TRACEBACK, in_fork
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from mutations import FOLDERS, MUCH_BYTES, Reader, write_samples

from camera_relocalization_ros.core.errors import RelocalizationError

EXAMPLES, TIMEOUT_S = 100, 120
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=8) | st.integers(), inner)
)


def read_structures(
    folder: Path, first_seed: int, counts: Counter[str], faults: list[str], over: Callable[[], bool]
) -> None:
    """Changed structures into every reader of YAML and JSON, until it is over; a fault is the smallest found."""
    set_hypothesis_home_dir(folder / "hypothesis")
    samples = write_samples(folder / "structured")
    number = first_seed
    while not over():
        for name, (files, read) in samples.items():
            for file in files:
                if over() or not file.endswith((".yaml", ".json")):
                    continue
                source, work = folder / "structured" / FOLDERS.get(name, name), folder / "worked"
                ended = in_fork(lambda s=source, f=file, r=read, w=work, n=number: _examples(s, f, r, w, n), TIMEOUT_S)
                counts["inputs"] += EXAMPLES
                where = f"{name}, {file}, structures of seed {number}"
                if ended.code < 0:
                    faults.append(f"process crashes: {where}: signal {-ended.code}")
                elif ended.code == TRACEBACK:
                    faults.append(f"tracebacks: {where}: {ended.said[-1500:]}")
                if ended.memory > MUCH_BYTES:
                    faults.append(f"memory over 1 GB: {where}: {ended.memory}")
                number += 1


def _examples(source: Path, file: str, read: Reader, work: Path, number: int) -> None:
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work)
    is_json = file.endswith(".json")
    text = (source / file).read_text(encoding="utf-8")
    values = json.loads(text) if is_json else yaml.safe_load(text)

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        changed = _changed(values, data)
        written = json.dumps(changed, default=str) if is_json else yaml.safe_dump(changed)
        (work / file).write_text(written, encoding="utf-8", errors="surrogateescape")
        shutil.rmtree(work / "imported", ignore_errors=True)
        try:
            read(work)
        except RelocalizationError as error:
            if "\n" in str(error):
                raise AssertionError(f"an error of several lines: {error}") from error

    one()


def _changed(values: Any, data: st.DataObject) -> Any:
    """The same with one value, anywhere in it, exchanged, or with one more."""
    if not values or not isinstance(values, (dict, list)) or data.draw(st.integers(0, 5)) == 0:
        return data.draw(VALUES)
    copy = values.copy()
    if isinstance(copy, dict):
        key = data.draw(st.sampled_from(list(copy)) | st.text(max_size=8))
        copy[key] = _changed(copy.get(key), data)
    else:
        at = data.draw(st.integers(0, len(copy) - 1))
        copy[at] = _changed(copy[at], data)
    return copy

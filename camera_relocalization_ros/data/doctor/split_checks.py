# SPDX-License-Identifier: BSD-3-Clause
"""Check of the splits: does a test part lie beside what is trained on, and what would a look-up reach on it?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.doctor.finding import BAD, LEVELS, LOOK, OK, Finding
from camera_relocalization_ros.data.leakage import find_leakage
from camera_relocalization_ros.data.splits import load_split, split_names

CHECK, TRAIN = "splits", "train"


def check_splits(dataset_path: Path) -> Finding:
    """Leakage and oracle of each part of each split; values["parts"] has SPLIT.PART -> what was found in words."""
    names = split_names(dataset_path)
    if not names:
        command = f"reloc split {shlex.quote(str(dataset_path))} blocks"
        sentence = f"there is none; make one before training: {command} (or sequences; see -h)"
        return Finding(CHECK, LOOK, sentence, {"parts": {}, "leaking": []})
    found: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for name in names:
        found.update(_check_split(dataset_path, name))
    leaking = [part for part, (_, _, values) in found.items() if values.get("leaks")]
    values = {
        "parts": {part: sentence for part, (_, sentence, _) in found.items()},
        "leaking": leaking,
        "oracle": {part: values for part, (_, _, values) in found.items()},
    }
    level = max((level for level, _, _ in found.values()), key=LEVELS.index)
    return Finding(CHECK, level, _sentence(level, leaking, len(found)), values)


def _sentence(level: str, leaking: list[str], count: int) -> str:
    if leaking:
        return (
            f"{', '.join(leaking)} leaks: no result there means anything unless it is well below the oracle's, which "
            "only looks a neighbour up; divide by whole sequences or blocks with guards (reloc split)"
        )
    if level != OK:
        return "a split that cannot be used as it is, see below"
    return f"none of {count} test parts leaks; a method must beat the oracle errors below to be more than a look-up"


def _check_split(dataset_path: Path, name: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    try:
        parts = load_split(dataset_path, name)
        if TRAIN not in parts or len(parts) < 2:
            return {name: (LOOK, f"has parts {sorted(parts)}; expected {TRAIN!r} and one to test on", {})}
        train = Dataset.load(f"{dataset_path}@{name}.{TRAIN}")
        return {f"{name}.{part}": _check_part(train, f"{name}.{part}") for part in parts if part != TRAIN}
    except (DatasetError, OSError) as error:
        return {name: (BAD, str(error), {})}


def _check_part(train: Dataset, part: str) -> tuple[str, str, dict[str, Any]]:
    leakage = find_leakage(train, Dataset.load(f"{train.path}@{part}"))
    values = {"leaks": leakage.leaks, "oracle_m": leakage.oracle_m, "oracle_deg": leakage.oracle_deg}
    return BAD if leakage.leaks else OK, leakage.sentence(), values

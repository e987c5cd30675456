# SPDX-License-Identifier: BSD-3-Clause
"""Splits of a data set as files `splits/NAME.yaml`: part -> sequence -> ranges of frame numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import yaml

from camera_relocalization_ros.core.errors import DatasetError, did_you_mean, one_line
from camera_relocalization_ros.core.output_files import write_text
from camera_relocalization_ros.core.plain_values import READ_FAULTS, read_yaml_mapping

Parts = Dict[str, Dict[str, List[List[int]]]]


def split_names(dataset_path: Path) -> list[str]:
    """The splits that a data set has, sorted."""
    return sorted(path.stem for path in (dataset_path / "splits").glob("*.yaml"))


def split_path(dataset_path: Path, name: str) -> Path:
    """Where the split `name` of a data set lies."""
    return dataset_path / "splits" / f"{name}.yaml"


def load_split(dataset_path: Path, name: str) -> Parts:
    """All parts of a split; raises DatasetError that lists what there is."""
    known = split_names(dataset_path)
    if name not in known:
        there = f"the data set has {', '.join(known)}" if known else "the data set has none; reloc split makes one"
        raise DatasetError(f"{dataset_path}: no split {name!r}{did_you_mean(name, known)}; {there}")
    path = split_path(dataset_path, name)
    try:
        parts = read_yaml_mapping(path)["parts"]
        return {
            str(part): {str(name): _ranges(ranges) for name, ranges in sequences.items()}
            for part, sequences in parts.items()
        }
    except READ_FAULTS as error:
        raise DatasetError(f"{path}: not a valid split ({type(error).__name__}: {one_line(error)})") from error


def load_split_part(dataset_path: Path, part: str) -> dict[str, list[list[int]]]:
    """Ranges of frame numbers by sequence of the part `SPLIT.PART`; raises DatasetError that lists what there is."""
    name, _, part_name = part.partition(".")
    parts = load_split(dataset_path, name)
    if not part_name:
        ways = " or ".join(f"{dataset_path}@{name}.{known}" for known in sorted(parts))
        raise DatasetError(f"{dataset_path}@{part}: names a split and none of its parts; expected {ways}")
    if part_name not in parts:
        path = split_path(dataset_path, name)
        meant = did_you_mean(part_name, parts)
        raise DatasetError(f"{path}: no part {part_name!r}{meant}; it has {', '.join(sorted(parts))}")
    return parts[part_name]


def save_split(dataset_path: Path, name: str, parts: Parts, made_by: str) -> Path:
    """Write `parts` ({part: {sequence: [[first, last], ...]}}, both ends included) and return the file.

    `made_by` says how they came about, for people. Raises DatasetError when the file cannot be written.
    """
    path = split_path(dataset_path, name)
    text = yaml.safe_dump({"made_by": made_by, "parts": parts}, sort_keys=False, default_flow_style=None)
    write_text(path, text, DatasetError)
    return path


def is_within(number: int, ranges: list[list[int]]) -> bool:
    """Whether a frame number lies in one of the ranges."""
    return any(first <= number <= last for first, last in ranges)


def _ranges(ranges: Any) -> list[list[int]]:
    return [[int(first), int(last)] for first, last in ranges]

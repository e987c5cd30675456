# SPDX-License-Identifier: BSD-3-Clause
"""Splits of a data set as files `splits/NAME.yaml`: part -> sequence -> ranges of frame numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from camera_relocalization_ros.core.errors import DatasetError


def load_split_part(dataset_path: Path, part: str) -> dict[str, set[int]]:
    """Frame numbers by sequence of the part `SPLIT.PART`; raises DatasetError that lists what there is."""
    name, _, part_name = part.partition(".")
    folder = dataset_path / "splits"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise DatasetError(f"{dataset_path}: no split {name!r}; the data set has {known}")
    path = folder / f"{name}.yaml"
    try:
        parts = yaml.safe_load(path.read_text(encoding="utf-8"))["parts"]
        if part_name not in parts:
            raise DatasetError(f"{path}: no part {part_name!r}; it has {sorted(parts)}")
        return {sequence: _numbers(ranges) for sequence, ranges in parts[part_name].items()}
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{path}: not a valid split ({type(error).__name__}: {error})") from error


def save_split(dataset_path: Path, name: str, parts: dict[str, dict[str, Any]]) -> Path:
    """Write `parts` ({part: {sequence: [[first, last], ...]}}, both ends included) and return the file."""
    path = dataset_path / "splits" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({"parts": parts}, sort_keys=False, default_flow_style=None), encoding="utf-8")
    return path


def periodic_ranges(numbers: list[int], period: int, first: int, last: int) -> list[list[int]]:
    """The stretches first..last of every `period` frame numbers that the recording reaches."""
    if not 0 <= first <= last < period:
        raise DatasetError(f"a range {first}-{last} does not lie within a period of {period} frames")
    cycles = range(min(numbers) // period, max(numbers) // period + 1)
    return [[cycle * period + first, cycle * period + last] for cycle in cycles]


def _numbers(ranges: list[list[int]]) -> set[int]:
    return {number for first, last in ranges for number in range(int(first), int(last) + 1)}

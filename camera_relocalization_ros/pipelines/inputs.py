# SPDX-License-Identifier: BSD-3-Clause
"""What the steps take for data sets: loaded ones, or the text by which a command names them."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence, Union

from camera_relocalization_ros.data.dataset import Dataset

# DATASET or DATASET@SPLIT.PART
DataSpec = Union[Dataset, Path, str]


def loaded(data: DataSpec) -> Dataset:
    """The data set; raises DatasetError."""
    return data if isinstance(data, Dataset) else Dataset.load(data)


def all_loaded(data: DataSpec | Sequence[DataSpec]) -> list[Dataset]:
    """The data sets of one or several; raises DatasetError."""
    several = [data] if isinstance(data, (Dataset, Path, str)) else data
    return [loaded(each) for each in several]


def name_of(data: DataSpec) -> str:
    """The text that names it."""
    if not isinstance(data, Dataset):
        return str(data)
    return f"{data.path}@{data.part}" if data.part else str(data.path)

# SPDX-License-Identifier: BSD-3-Clause
"""The numbers of the thesis' tables 4.5-4.9, 4.11-4.14 and 4.17, out of thesis_results.csv."""

from __future__ import annotations

import csv
import io
import pkgutil
from dataclasses import dataclass

from camera_relocalization_ros.core.pose_errors import STATISTICS
from camera_relocalization_ros.evaluation.thesis_grid import Combination

FILE = "thesis_results.csv"


@dataclass(frozen=True)
class ThesisResult:
    """A row of a table: statistic -> number, as text with the thesis' digits; statistics it does not tell are absent.

    `quoted` names what table 4.9 compares: rows there have neither backbone nor head nor loss.
    """

    table: str
    combination: Combination
    quoted: str
    position_m: dict[str, str]
    orientation_deg: dict[str, str]


def load_thesis_results() -> list[ThesisResult]:
    """All rows, in the order of the thesis."""
    content = pkgutil.get_data(__package__, FILE)
    assert content is not None, "a file of this package"
    return [_result(row) for row in csv.DictReader(io.StringIO(content.decode("utf-8")))]


def _result(row: dict[str, str]) -> ThesisResult:
    combination = Combination(row["data_set"], row["backbone"], row["head"], row["loss"])
    position = {name: row[f"position_{name}_m"] for name in STATISTICS if row[f"position_{name}_m"]}
    orientation = {name: row[f"orientation_{name}_deg"] for name in STATISTICS if row[f"orientation_{name}_deg"]}
    return ThesisResult(row["table"], combination, row["quoted"], position, orientation)

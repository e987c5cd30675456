# SPDX-License-Identifier: BSD-3-Clause
"""A comparison as a terminal's table, Markdown, LaTeX and CSV; the first three show the columns that fit a page."""

from __future__ import annotations

import csv
import io
import re
from typing import Callable

from camera_relocalization_ros.core.pose_metrics import LIMITS, limit_name
from camera_relocalization_ros.report.comparison import Row

NOTHING = "-"
LATEX_SPECIAL = {c: rf"\{c}" for c in "&%$#_{}"}
LATEX_SPECIAL.update({"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"})
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _median(quantity: str, digits: int) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        numbers = [row.numbers.get(f"{quantity}_{name}") for name in ("median", "median_low", "median_high")]
        if numbers[0] is None:
            return NOTHING
        value = f"{numbers[0]:.{digits}f}"
        return value if numbers[1] is None else f"{value} ({numbers[1]:.{digits}f} to {numbers[2]:.{digits}f})"

    return text


def _number(column: str, digits: int, factor: float = 1.0) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        value = row.numbers.get(column)
        return NOTHING if value is None else f"{factor * value:.{digits}f}"

    return text


def _columns() -> dict[str, Callable[[Row], str]]:
    columns: dict[str, Callable[[Row], str]] = {"frames": _number("frames", 0)}
    for unit, quantity, digits in (("m", "position_m", 3), ("deg", "orientation_deg", 2)):
        columns[f"median [{unit}]"] = _median(quantity, digits)
        columns.update((f"{n} [{unit}]", _number(f"{quantity}_{n}", digits)) for n in ("mean", "p95", "max", "std"))
    columns.update((f"{name} [%]", _number(f"within {name}", 1, 100)) for name in (limit_name(*x) for x in LIMITS))
    columns["OK [%]"] = _number("accepted", 1, 100)
    return columns


COLUMNS = _columns()
# a terminal is narrower than a page
MAX_NAME, NOT_IN_TERMINAL = 48, ("mean [m]", "std [m]", "mean [deg]", "std [deg]")


def terminal_table(rows: list[Row]) -> str:
    """Aligned columns without NOT_IN_TERMINAL; in the median's parentheses is its interval."""
    lines = [["", *COLUMNS], *table_cells(rows)]
    shown = [0, *(number for number, name in enumerate(COLUMNS, start=1) if name not in NOT_IN_TERMINAL)]
    cells = [[line[number][:MAX_NAME] for number in shown] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))])
        for line in cells
    )


def markdown_table(rows: list[Row]) -> str:
    """A table of GitHub's Markdown."""
    header = ["method", *COLUMNS]
    lines = [header, ["---", *("---:" for _ in COLUMNS)]]
    lines += [[cell.replace("|", "\\|") for cell in line] for line in table_cells(rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def latex_table(rows: list[Row]) -> str:
    """A tabular of LaTeX with booktabs' rules."""
    lines = [_latex_line(line) for line in table_cells(rows)]
    head = [rf"\begin{{tabular}}{{l{'r' * len(COLUMNS)}}}", r"\toprule", _latex_line(["method", *COLUMNS]), r"\midrule"]
    return "\n".join([*head, *lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def csv_table(rows: list[Row]) -> str:
    """All numbers, also those that the other tables have no room for; an empty field is not known."""
    columns = list(dict.fromkeys(name for row in rows for name in row.numbers))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["name", "kind", *columns])
    for row in rows:
        numbers = (row.numbers.get(name) for name in columns)
        writer.writerow([row.name.strip(), row.kind, *("" if n is None else f"{n:.9g}" for n in numbers)])
    return file.getvalue()


FORMATS = {"terminal": terminal_table, "markdown": markdown_table, "latex": latex_table, "csv": csv_table}


def table_cells(rows: list[Row]) -> list[list[str]]:
    """The text of each row: its name, then COLUMNS."""
    # names come from files of others: no escape sequence may reach a terminal
    return [[CONTROL.sub("?", row.name), *(text(row) for text in COLUMNS.values())] for row in rows]


def _latex_line(cells: list[str]) -> str:
    return " & ".join("".join(LATEX_SPECIAL.get(c, c) for c in cell) for cell in cells) + r" \\"

# SPDX-License-Identifier: BSD-3-Clause
"""A comparison as tables for a terminal, Markdown and LaTeX, which fit a page, and as one of CSV with all numbers."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Callable, List

from camera_relocalization_ros.core.errors import printable
from camera_relocalization_ros.core.pose_errors import length_unit, length_units
from camera_relocalization_ros.evaluation.consistency import PARTS
from camera_relocalization_ros.evaluation.metrics import LIMITS, limit_name
from camera_relocalization_ros.report.tables.comparison import GROUP, Row

NOTHING = "-"
MARKDOWN_SPECIAL = re.compile(r"[\\`\[\]<>|&]")
LATEX_SPECIAL = {c: rf"\{c}" for c in "&%$#_{}"}
LATEX_SPECIAL.update({"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"})
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Table:
    """Rows that have any of some columns: kinds of the rows, and cells, the row's name first."""

    title: str
    columns: List[str]
    kinds: List[str]
    cells: List[List[str]]


def _number(column: str, digits: int, factor: float = 1.0) -> Callable[[Row], str]:
    """A number, and where it is known its interval in parentheses."""

    def text(row: Row) -> str:
        value, low, high = (row.numbers.get(f"{column}{end}") for end in ("", "_low", "_high"))
        if value is None:
            return NOTHING
        number = f"{factor * value:.{digits}f}"
        return (
            number
            if low is None or high is None
            else f"{number} ({factor * low:.{digits}f} to {factor * high:.{digits}f})"
        )

    return text


def _error_columns(
    prefix: str, names: tuple[str, ...], length: str, digits_m: int = 3
) -> dict[str, Callable[[Row], str]]:
    return {
        f"{name} [{unit}]": _number(f"{prefix}{quantity}_{name}", digits)
        for unit, quantity, digits in ((length, "position_m", digits_m), ("deg", "orientation_deg", 2))
        for name in names
    }


def _tables(rows: list[Row]) -> dict[str, dict[str, Callable[[Row], str]]]:
    """Titles, and by the columns' names what is in them."""
    scales = {row.is_metric for row in rows} or {True}
    length = length_units(scales)
    # the limits are the same numbers of metres or units
    if len(scales) == 1:
        limits = {limit_name(*limit, is_metric=max(scales)): limit_name(*limit) for limit in LIMITS}
    else:
        limits = {f"{limit[0]:g} {length}/{limit[1]:g} deg": limit_name(*limit) for limit in LIMITS}
    times = {"latency": "latency_s", "age": "age_s", "network": "inference_s"}
    return {
        "Errors of all estimates": {
            "frames": _number("frames", 0),
            **_error_columns("", ("median", "mean", "p95", "max", "std"), length),
        },
        "Localized images, and estimates within limits": {
            "localized [%]": _number("answered", 1, 100),
            **{f"{title} [%]": _number(f"within {name}", 1, 100) for title, name in limits.items()},
        },
        "OK estimates": {
            "OK [%]": _number("accepted", 1, 100),
            **_error_columns("ok_", ("median", "p95", "max"), length, digits_m=4),
            "false accepts [%]": _number("false_accepts", 1, 100),
            "false rejects [%]": _number("false_rejects", 1, 100),
        },
        "Covariance": {
            **{f"NEES {part}": _number(f"nees_{part}", 1) for part in PARTS},
            **{f"{part} in 90 % [%]": _number(f"coverage90_{part}", 1, 100) for part in PARTS},
        },
        "Times": {
            **{f"{label} {p} [ms]": _number(f"{n}_{p}", 0, 1000) for label, n in times.items() for p in ("p50", "p95")},
        },
    }


# a terminal is narrower than a page
MAX_NAME, GAP, NOT_IN_TERMINAL = 56, "...", ("mean", "std")


def tables(rows: list[Row], left_out: tuple[str, ...] = ()) -> list[Table]:
    """All tables without rows and columns of which nothing is known, and without statistics that are `left_out`."""
    found = (_table(title, columns, rows, left_out) for title, columns in _tables(rows).items())
    return [table for table in found if table.cells]


def _table(title: str, columns: dict[str, Callable[[Row], str]], rows: list[Row], left_out: tuple[str, ...]) -> Table:
    wanted = {name: text for name, text in columns.items() if name.partition(" [")[0] not in left_out}
    texts = {name: [text(row) for row in rows] for name, text in wanted.items()}
    known = [name for name, cells in texts.items() if any(cell != NOTHING for cell in cells)]
    shown = [number for number in range(len(rows)) if any(texts[name][number] != NOTHING for name in known)]
    # names come from files of others: no escape sequence may reach a terminal
    names = [CONTROL.sub("?", row.name) for row in rows]
    cells = [[names[number], *(texts[name][number] for name in known)] for number in shown]
    return Table(title, known, [rows[number].kind for number in shown], cells)


def terminal_tables(rows: list[Row]) -> str:
    """Aligned columns without NOT_IN_TERMINAL and long names without their middle; in parentheses are intervals."""
    return "\n\n".join(map(_aligned, tables(rows, NOT_IN_TERMINAL))) + "\n"


def _aligned(table: Table) -> str:
    names = _shortened([line[0] for line in table.cells])
    cells = [[table.title, *table.columns], *([name, *line[1:]] for name, line in zip(names, table.cells))]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))])
        for line in cells
    )


def _shortened(names: list[str]) -> list[str]:
    """Long names without their middle: the end tells head and loss. Whole, where two would be alike."""
    kept = (MAX_NAME - len(GAP)) // 2
    short = [name if len(name) <= MAX_NAME else f"{name[:kept]}{GAP}{name[-kept:]}" for name in names]
    is_clear = len(set(short)) == len(set(names))
    return short if is_clear else names


def markdown_tables(rows: list[Row]) -> str:
    """Tables of GitHub's Markdown."""
    return "\n".join(map(_markdown, tables(rows)))


def _markdown(table: Table) -> str:
    lines = [[table.title, *table.columns], ["---", *("---:" for _ in table.columns)]]
    indents = ("&emsp;" if kind == GROUP else "" for kind in table.kinds)
    lines += [
        [indent + _markdown_text(line[0]), *map(_markdown_text, line[1:])] for indent, line in zip(indents, table.cells)
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _markdown_text(text: str) -> str:
    """A text of which nothing is taken for a link, a tag, a picture or the end of a cell."""
    return MARKDOWN_SPECIAL.sub(lambda found: "\\" + found[0], " ".join(printable(text).split()))


def latex_tables(rows: list[Row]) -> str:
    """Tabulars of LaTeX with booktabs' rules."""
    return "\n".join(map(_latex, tables(rows)))


def _latex(table: Table) -> str:
    columns = "l" + "r" * len(table.columns)
    head = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_line([table.title, *table.columns]), r"\midrule"]
    indents = (r"\quad " if kind == GROUP else "" for kind in table.kinds)
    lines = [indent + _latex_line([line[0].strip(), *line[1:]]) for indent, line in zip(indents, table.cells)]
    return "\n".join([*head, *lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def csv_table(rows: list[Row]) -> str:
    """All numbers, also those that the other tables have no room for; an empty field is not known.

    Two columns at the end: `of`, the result that a sequence or placement is part of, and `unit`, that of all lengths,
    also under names that end in _m.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row.numbers))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["name", "kind", *columns, "of", "unit"])
    for row in rows:
        numbers = (row.numbers.get(name) for name in columns)
        texts = ("" if number is None else f"{number:.9g}" for number in numbers)
        writer.writerow([row.name.strip(), row.kind, *texts, row.of, length_unit(row.is_metric)])
    return file.getvalue()


FORMATS = {"terminal": terminal_tables, "markdown": markdown_tables, "latex": latex_tables, "csv": csv_table}


def _latex_line(cells: list[str]) -> str:
    return " & ".join("".join(LATEX_SPECIAL.get(c, c) for c in cell) for cell in cells) + r" \\"

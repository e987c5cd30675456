# SPDX-License-Identifier: BSD-3-Clause
"""The thesis' tables again, with own numbers beside its own: as values, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any, Iterator

from camera_relocalization_ros.core.pose_errors import STATISTICS
from camera_relocalization_ros.evaluation.thesis_grid import (
    DATA_SETS,
    METHODS,
    QUANTITIES,
    SEVEN_SCENES,
    TEMPORAL_DATA_SET,
    TEMPORAL_METHODS,
    THESIS_BACKBONES,
    Combination,
    Spread,
    over_seeds,
)
from camera_relocalization_ros.report.tables.thesis_results import ThesisResult, load_thesis_results

NETWORKS = {
    "googlenet_imagenet": "GoogLeNet pretrained on ImageNet",
    "googlenet_places365": "GoogLeNet pretrained on Places365",
    "inception_resnet_v2_imagenet": "Inception ResNet V2 pretrained on ImageNet",
    "vgg16_hybrid1365": "VGG16 pretrained on Hybrid1365",
}
# the thesis' best one, which stands beside networks that it does not have
BESIDE_OTHERS = "vgg16_hybrid1365"
METHOD_TABLES = {
    "7scenes": dict(zip(THESIS_BACKBONES, ("4.5", "4.6", "4.7", "4.8"))),
    "airframe": dict(zip(THESIS_BACKBONES, ("4.11", "4.12", "4.13", "4.14"))),
}
SUMMARY_TABLE, TEMPORAL_TABLE = "4.9", "4.17"
SUMMARY_METHOD = ("spatial_lstm", "qeh")
HEADS = {
    "spatial_lstm": "Spatial-LSTM",
    "regressor": "Regressor",
    "temporal_gru": "Temporal-GRU",
    "stateful_gru": "Stateful-GRU",
}
LOSSES = {"qeh": "QEH", "nh": "NH"}
DIGITS = {"position_m": 3, "orientation_deg": 2}
NOTHING = "-"


@dataclass(frozen=True)
class Reproduction:
    """What was trained: summaries of `PoseErrors` by combination, one for each seed, and those of the baselines.

    `baselines`: (data set, backbone) -> name of the baseline -> summary. `skipped`: backbone -> why it has no rows.
    """

    experiment: str
    data_sets: tuple[str, ...]
    backbones: tuple[str, ...]
    summaries: dict[Combination, list[dict[str, Any]]] = field(default_factory=dict)
    baselines: dict[tuple[str, str], dict[str, dict[str, Any]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    thesis: list[ThesisResult] = field(default_factory=load_thesis_results)


@dataclass(frozen=True)
class Row:
    """One line: `of` is the data set, or in table 4.17 the network; ours and the thesis' where there are any."""

    of: str
    method: str
    combination: Combination
    seeds: int
    ours: dict[str, dict[str, Spread]] | None
    thesis: ThesisResult | None

    def thesis_number(self, quantity: str, statistic: str) -> str:
        """With the thesis' own digits; a dash where it tells none."""
        return getattr(self.thesis, quantity).get(statistic, NOTHING) if self.thesis else NOTHING


@dataclass(frozen=True)
class Table:
    """A table of the thesis by its number, or one like it for a network that the thesis does not have."""

    number: str
    title: str
    rows: list[Row]


def tables(found: Reproduction) -> list[Table]:
    """All of chapter 4's tables of errors but 4.9, those with numbers of ours first; a network of ours has its own.

    Of the data sets they show those that were trained on; where none of an experiment's was, all of the thesis'.
    """
    made = [
        _methods_table(found, experiment, backbone)
        for experiment in METHOD_TABLES
        for backbone in (*THESIS_BACKBONES, *(_others(found) if _given(found, experiment) else ()))
    ]
    title = f"Temporal-GRU on {TEMPORAL_DATA_SET}, by network"
    made.append(Table(TEMPORAL_TABLE, title, _temporal_rows(found)))
    # False comes first, and what is alike keeps its order
    return sorted(made, key=lambda table: not _has_ours(table))


def method_name(head: str, loss: str) -> str:
    """As the thesis prints it, such as Spatial-LSTM,QEH; a name that it does not have stays as it is."""
    return f"{HEADS.get(head, head)},{LOSSES.get(loss, loss)}"


def absences(found: Reproduction) -> list[str]:
    """Why tables of the thesis have no numbers of ours."""
    lines = [f"{backbone} is skipped: {reason}" for backbone, reason in found.skipped.items()]
    for experiment, numbers in METHOD_TABLES.items():
        if not _given(found, experiment):
            names = ", ".join(DATA_SETS[experiment])
            lines.append(f"Tables {', '.join(numbers.values())} have no numbers of ours: no data of {names}.")
            continue
        lines += [
            f"Table {numbers[backbone]} has no numbers of ours: {backbone} was not asked for."
            for backbone in THESIS_BACKBONES
            if backbone not in (*found.backbones, *found.skipped)
        ]
    # one table of all networks
    if TEMPORAL_DATA_SET not in found.data_sets:
        lines.append(f"Table {TEMPORAL_TABLE} has no numbers of ours: no data of {TEMPORAL_DATA_SET}.")
    elif not any(row.ours for row in _temporal_rows(found)):
        lines.append(f"Table {TEMPORAL_TABLE} has no numbers of ours: head temporal_gru was not trained with qeh, nh.")
    return lines


def markdown(table: Table) -> str:
    """A heading and an aligned table; each cell holds metres / degrees."""
    header = ["", "method"] + [f"{name}, {whose}" for name in STATISTICS for whose in ("ours", "thesis")]
    cells = [[row.of, row.method, *_numbers(row)] for row in table.rows]
    return f"## Table {table.number}: {table.title}\n\n{_aligned(header, cells)}"


def summary_markdown(found: Reproduction) -> str:
    """Table 4.9: medians that the thesis compares, and those of our Spatial-LSTM with QEH on each network."""
    quoted = [result for result in found.thesis if result.table == SUMMARY_TABLE]
    names = list(dict.fromkeys(result.quoted for result in quoted))
    theirs = {(result.combination.data_set, result.quoted): result for result in quoted}
    header = ["", *names, *(f"ours, {backbone}" for backbone in found.backbones)]
    cells = []
    for data_set in _shown(found, SEVEN_SCENES):
        known = [theirs.get((data_set, name)) for name in names]
        ours = [
            _ours(found.summaries.get(Combination(data_set, backbone, *SUMMARY_METHOD))) for backbone in found.backbones
        ]
        cells.append(
            [data_set]
            + [_pair(*(getattr(k, q)["median"] for q in QUANTITIES)) if k else NOTHING for k in known]
            + [_spread_pair(spreads, "median", _seeds(found)) if spreads else NOTHING for spreads in ours]
        )
    return f"## Table {SUMMARY_TABLE}: medians of PoseNet's line, and of Spatial-LSTM,QEH\n\n{_aligned(header, cells)}"


def report(found: Reproduction, notes: list[str]) -> str:
    """All tables as one Markdown page that begins with `notes`."""
    lines = [f"# {found.experiment}: the thesis' tables again", ""]
    lines += [f"- {note}" for note in notes]
    lines += [f"- {line}" for line in absences(found)]
    lines += ["- Every cell is position in metres / orientation in degrees; a dash says that there is no number."]
    if _seeds(found) > 1:
        lines += [f"- Ours are means over {_seeds(found)} seeds +- sample standard deviation."]
    made = tables(found)
    parts = [markdown(table) for table in made if _has_ours(table)]
    rest = [markdown(table) for table in made if not _has_ours(table)]
    # table 4.9 is of Spatial-LSTM with QEH on scenes
    of_summary = {key.data_set for key in found.summaries if (key.head, key.loss) == SUMMARY_METHOD}
    (parts if of_summary & {*_given(found, SEVEN_SCENES)} else rest).append(summary_markdown(found))
    if rest:
        parts += ["# The thesis' other tables, without numbers of ours", *rest]
    return "\n".join(lines) + "\n\n" + "\n\n".join(parts) + "\n"


def csv_text(found: Reproduction) -> str:
    """All rows of all tables with a column for every number; an empty field where there is none."""
    file = io.StringIO()
    columns = [f"{name}_{q}_{whose}" for name in STATISTICS for q in QUANTITIES for whose in ("ours", "sd", "thesis")]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["table", "data_set", "backbone", "method", "head", "loss", "seeds", *columns])
    for table in tables(found):
        for row in table.rows:
            key = row.combination
            values = [value for name in STATISTICS for q in QUANTITIES for value in _csv_values(row, q, name)]
            writer.writerow(
                [table.number, key.data_set, key.backbone, row.method, key.head, key.loss, row.seeds, *values]
            )
    return file.getvalue()


def to_dict(found: Reproduction) -> dict[str, Any]:
    """Everything as plain values: the summary of each seed, and the baselines."""
    return {
        "experiment": found.experiment,
        "skipped": found.skipped,
        "results": [{**vars(combination), "seeds": summaries} for combination, summaries in found.summaries.items()],
        "baselines": [
            {"data_set": data_set, "backbone": backbone, **summaries}
            for (data_set, backbone), summaries in found.baselines.items()
        ],
    }


def _given(found: Reproduction, experiment: str) -> tuple[str, ...]:
    """Its data sets among those that were trained on; names that the thesis does not have are of the one asked for."""
    known = {name: of for of, names in DATA_SETS.items() for name in names}
    return tuple(name for name in found.data_sets if known.get(name, found.experiment) == experiment)


def _shown(found: Reproduction, experiment: str) -> tuple[str, ...]:
    return _given(found, experiment) or DATA_SETS[experiment]


def _others(found: Reproduction) -> list[str]:
    return [backbone for backbone in found.backbones if backbone not in THESIS_BACKBONES]


def _has_ours(table: Table) -> bool:
    return any(row.ours for row in table.rows)


def _methods_table(found: Reproduction, experiment: str, backbone: str) -> Table:
    numbers = METHOD_TABLES[experiment]
    beside = backbone if backbone in numbers else BESIDE_OTHERS
    title = NETWORKS.get(backbone, f"{backbone}, beside the thesis' {NETWORKS[beside]}")
    number = numbers[beside] if beside == backbone else f"{numbers[beside]} for a network of ours"
    rows = [row for data_set in _shown(found, experiment) for row in _data_set_rows(found, data_set, backbone, beside)]
    return Table(number, title, rows)


def _data_set_rows(found: Reproduction, data_set: str, backbone: str, beside: str) -> Iterator[Row]:
    trained = [(c.head, c.loss) for c in found.summaries if (c.data_set, c.backbone) == (data_set, backbone)]
    for head, loss in dict.fromkeys([*METHODS, *trained]):
        # those have a table of their own
        if data_set == TEMPORAL_DATA_SET and (head, loss) in TEMPORAL_METHODS:
            continue
        row = _row(found, data_set, Combination(data_set, backbone, head, loss), beside)
        if row.ours or row.thesis:
            yield row
    yield from _baseline_rows(found, data_set, data_set, backbone)


def _baseline_rows(found: Reproduction, of: str, data_set: str, backbone: str) -> Iterator[Row]:
    for name, summary in found.baselines.get((data_set, backbone), {}).items():
        yield Row(of, name, Combination(data_set, backbone, "", ""), 1, over_seeds([summary]), None)


def _temporal_rows(found: Reproduction) -> list[Row]:
    """Of each network those that were trained or are the thesis', networks with numbers of ours first."""
    others = _others(found) if TEMPORAL_DATA_SET in found.data_sets else ()
    networks = [list(_temporal_network_rows(found, backbone)) for backbone in (*THESIS_BACKBONES, *others)]
    # False comes first
    return [row for rows in sorted(networks, key=lambda rows: not any(row.ours for row in rows)) for row in rows]


def _temporal_network_rows(found: Reproduction, backbone: str) -> Iterator[Row]:
    beside = backbone if backbone in THESIS_BACKBONES else BESIDE_OTHERS
    of = backbone if beside == backbone else f"{backbone}, beside {beside}"
    combinations = [Combination(TEMPORAL_DATA_SET, backbone, *method) for method in TEMPORAL_METHODS]
    rows = [_row(found, of, combination, beside) for combination in combinations]
    yield from (row for row in rows if row.ours or row.thesis)
    if any(row.ours for row in rows):
        yield from _baseline_rows(found, of, TEMPORAL_DATA_SET, backbone)


def _row(found: Reproduction, of: str, combination: Combination, beside: str) -> Row:
    summaries = found.summaries.get(combination, [])
    theirs = Combination(combination.data_set, beside, combination.head, combination.loss)
    thesis = next((result for result in found.thesis if result.combination == theirs), None)
    method = method_name(combination.head, combination.loss)
    return Row(of, method, combination, len(summaries), _ours(summaries), thesis)


def _ours(summaries: list[dict[str, Any]] | None) -> dict[str, dict[str, Spread]] | None:
    return over_seeds(summaries) if summaries else None


def _seeds(found: Reproduction) -> int:
    return max(map(len, found.summaries.values()), default=0)


def _numbers(row: Row) -> Iterator[str]:
    for name in STATISTICS:
        yield _spread_pair(row.ours, name, row.seeds) if row.ours else NOTHING
        theirs = [row.thesis_number(quantity, name) for quantity in QUANTITIES]
        yield NOTHING if theirs == [NOTHING] * 2 else _pair(*theirs)


def _spread_pair(ours: dict[str, dict[str, Spread]], statistic: str, seeds: int) -> str:
    return _pair(*(_spread(ours[quantity][statistic], DIGITS[quantity], seeds) for quantity in QUANTITIES))


def _spread(spread: Spread, digits: int, seeds: int) -> str:
    return f"{spread.mean:.{digits}f}" + (f"+-{spread.sd:.{digits}f}" if seeds > 1 else "")


def _pair(position: str, orientation: str) -> str:
    return f"{position} / {orientation}"


def _csv_values(row: Row, quantity: str, statistic: str) -> list[str]:
    theirs = row.thesis_number(quantity, statistic)
    spread = row.ours[quantity][statistic] if row.ours else None
    sd = f"{spread.sd:.6g}" if spread and row.seeds > 1 else ""
    return [f"{spread.mean:.6g}" if spread else "", sd, "" if theirs == NOTHING else theirs]


def _aligned(header: list[str], cells: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *cells)]
    lines = [header, ["-" * width for width in widths], *cells]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)

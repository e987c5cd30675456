# SPDX-License-Identifier: BSD-3-Clause
"""Results side by side with their baselines and the thesis' numbers, as rows; `comparison_text` writes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict

import numpy as np

from camera_relocalization_ros.core.errors import ResultError
from camera_relocalization_ros.core.pose_errors import within
from camera_relocalization_ros.evaluation.metrics import (
    LIMITS,
    by_group,
    error_summary,
    limit_name,
    state_summary,
    statistics,
    summarise,
)
from camera_relocalization_ros.evaluation.results import Result, compared_only
from camera_relocalization_ros.report.tables.thesis_results import ThesisResult, load_thesis_results

ANSWER, GROUP, BASELINE, REFERENCE = "answer", "group", "baseline", "reference"
QUANTITIES = ("position_m", "orientation_deg")


@dataclass(frozen=True)
class Row:
    """One line of the table: column -> number; a column that is not there is not known.

    `kind`: a result, one of its sequences or placements, a baseline on the same frames, or numbers of others.
    is_metric: numbers are in metres, not in units of a scene of any scale. `of`: the result that a group is part of.
    """

    name: str
    kind: str
    numbers: Dict[str, float]
    is_metric: bool = True
    of: str = ""


def comparison_rows(
    results: list[Result],
    references: tuple[str, ...] = (),
    by: str = "",
    summaries: list[dict[str, Any]] | None = None,
) -> list[Row]:
    """Rows of all results, baselines after them, and the thesis' ("thesis", or "thesis:DATA_SET") last.

    `by`: "sequences" or "placements" adds a row for each; `summaries` of `summarise` are made where they are not given.
    Raises ResultError.
    """
    rows = []
    for result, summary in zip(results, summaries or map(summarise, results)):
        rows.append(_result_row(result, summary))
        if by:
            for name, part in by_group(result, by).items():
                summary = {**error_summary(compared_only(part)), **state_summary(part)}
                rows.append(Row(f"  {name}", GROUP, _numbers(summary), result.info.metric, result.info.name))
    rows += _baseline_rows(results)
    return rows + [row for reference in references for row in _thesis_rows(reference)]


def with_distinct_names(results: list[Result]) -> list[Result]:
    """The results, those of a name that is taken already with a number behind it: tables and legends go by names."""
    seen: dict[str, int] = {}
    named = []
    for result in results:
        name = result.info.name
        seen[name] = seen.get(name, 0) + 1
        distinct = name if seen[name] == 1 else f"{name} ({seen[name]})"
        named.append(replace(result, info=replace(result.info, name=distinct)))
    return named


def same_images(results: list[Result]) -> bool:
    """Whether all results are about the same images: else their errors are not comparable."""
    stamps = [set(compared_only(result).stamps_ns.tolist()) for result in results]
    return all(other == stamps[0] for other in stamps[1:])


def common_images(results: list[Result]) -> list[Result]:
    """The results, on images that all of them answered; raises ResultError when there is none."""
    results = [compared_only(result) for result in results]
    common = set.intersection(*(set(result.stamps_ns.tolist()) for result in results))
    if not common:
        raise ResultError("no image was localized in all of the results; were they made from the same data?")
    return [result.select(np.isin(result.stamps_ns, list(common))) for result in results]


def _result_row(result: Result, summary: dict[str, Any]) -> Row:
    numbers = _numbers(summary)
    counts = summary["counts"]
    numbers["answered"] = counts["answered"] / counts["images"] if counts["images"] else 0.0
    numbers.update((f"nees_{part}", value) for part, value in summary.get("nees", {}).items())
    numbers.update((f"coverage90_{part}", shares["0.9"]) for part, shares in summary.get("coverage", {}).items())
    for name in ("inference_s", "latency_s", "age_s"):
        numbers.update((f"{name}_{key}", value) for key, value in summary.get(name, {}).items())
    return Row(result.info.name, ANSWER, numbers, result.info.metric)


def _numbers(summary: dict[str, Any]) -> dict[str, float]:
    numbers = {"frames": float(summary["frames"]), **_error_numbers(summary)}
    numbers.update((f"within {name}", value) for name, value in summary["within"].items())
    for name, (low, high) in summary.get("intervals", {}).items():
        column = f"{name}_median" if name in QUANTITIES else f"within {name}"
        numbers.update({f"{column}_low": low, f"{column}_high": high})
    numbers.update(summary.get("acceptance", {}))
    if "accepted" in summary:
        numbers.update((f"ok_{name}", value) for name, value in _error_numbers(summary["accepted"]).items())
    return numbers


def _error_numbers(summary: dict[str, Any]) -> dict[str, float]:
    return {f"{quantity}_{name}": value for quantity in QUANTITIES for name, value in summary[quantity].items()}


def _baseline_rows(results: list[Result]) -> list[Row]:
    """Those of all results; one that is the same for several, as the constant pose may be, appears once."""
    rows: dict[tuple[str, ...], Row] = {}
    for result in results:
        compared = compared_only(result)
        for name, errors in compared.baselines.items():
            numbers = {"frames": float(len(compared))}
            for quantity in QUANTITIES:
                values = getattr(errors, quantity)
                numbers.update((f"{quantity}_{key}", value) for key, value in statistics(values).items())
            numbers.update((f"within {limit_name(*limit)}", float(within(errors, *limit).mean())) for limit in LIMITS)
            # retrieval of the same images differs by rounding from run to run
            key = (name, *(f"{value:.6g}" for value in numbers.values()))
            row = Row(f"{name} ({result.info.name})", BASELINE, numbers, result.info.metric)
            rows.setdefault(key, row)
    return list(rows.values())


def _thesis_rows(reference: str) -> list[Row]:
    source, _, wanted = reference.partition(":")
    results = [result for result in load_thesis_results() if result.combination.head and result.position_m]
    known = list(dict.fromkeys(result.combination.data_set for result in results))
    if source != "thesis" or (wanted and wanted not in known):
        expected = ", ".join(f"thesis:{name}" for name in known)
        raise ResultError(f"{reference}: no such reference; expected thesis or one of {expected}")
    if wanted:
        return [_thesis_row(result) for result in results if result.combination.data_set == wanted]
    best: dict[str, ThesisResult] = {}
    for result in sorted(results, key=lambda result: float(result.position_m["median"])):
        best.setdefault(result.combination.data_set, result)
    return [_thesis_row(best[name]) for name in known]


def _thesis_row(result: ThesisResult) -> Row:
    key = result.combination
    numbers = {f"position_m_{name}": float(text) for name, text in result.position_m.items()}
    numbers.update((f"orientation_deg_{name}", float(text)) for name, text in result.orientation_deg.items())
    name = f"thesis {result.table}: {key.data_set}, {key.backbone}, {key.head}, {key.loss}"
    return Row(name, REFERENCE, numbers)

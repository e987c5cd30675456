# SPDX-License-Identifier: BSD-3-Clause
"""Results as one HTML file that needs no other and no network: numbers, pictures, and a flight that can be turned."""

from __future__ import annotations

import json
import pkgutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

import numpy as np
from markupsafe import Markup

from camera_relocalization_ros.core.errors import ResultError
from camera_relocalization_ros.core.image_files import SIGNATURES, encoded_suffix, read_image_file
from camera_relocalization_ros.core.pose_errors import length_text, length_unit
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.evaluation.metrics import summarise
from camera_relocalization_ros.evaluation.reliability import COLUMNS, reliability_rows, reliability_title
from camera_relocalization_ros.evaluation.result_files import image_path
from camera_relocalization_ros.evaluation.results import NO_STATE, Result
from camera_relocalization_ros.evaluation.summary_text import estimates_summary, ok_summary
from camera_relocalization_ros.evaluation.verdict import verdicts
from camera_relocalization_ros.fleet.engine import Engine
from camera_relocalization_ros.report.figures.error_axes import gap_seconds, run_seconds
from camera_relocalization_ros.report.figures.result_figures import (
    draw_cumulative,
    draw_dependence,
    draw_over_time,
    draw_reliability,
)
from camera_relocalization_ros.report.figures.trajectory_figures import draw_trajectory
from camera_relocalization_ros.report.pages.page import data_source, figure_source, render_page
from camera_relocalization_ros.report.pages.result_template import PAGE
from camera_relocalization_ros.report.pages.thumbnails import (
    SHEET_SIDE,
    Sheets,
    thumbnail_sheets,
    worst_picture,
    worst_rows,
)
from camera_relocalization_ros.report.tables.comparison import comparison_rows, same_images, with_distinct_names
from camera_relocalization_ros.report.tables.comparison_text import Table, tables

SCRIPT = "trajectory_view.js"
SUFFIXES = {*SIGNATURES, ".jpeg"}


@dataclass(frozen=True)
class PageInput:
    """A result and the image file of each of its rows, None where none was kept."""

    result: Result
    images: list[Optional[Path]]

    @classmethod
    def of(cls, folder: Path, result: Result, image_folder: Path | None = None) -> PageInput:
        """That of a result read from `folder`; `image_folder` in place of where the result says that images lie."""
        paths = [image_path(folder, result, row, image_folder) for row in range(len(result))]
        return cls(result, [path if path is not None and path.suffix.lower() in SUFFIXES else None for path in paths])


def result_page(
    inputs: list[PageInput],
    references: tuple[str, ...] = (),
    edges: np.ndarray | None = None,
    pictures: tuple[tuple[Path, str], ...] = (),
    engine: Engine | None = None,
) -> str:
    """The page; edges (E, 2, 3): of the object, in the parent frame; pictures: files, captions.

    engine: makes the small pictures; the images lie where all of its workers see them.

    Raises ResultError when a result has nothing to compare or a picture is no image.
    """
    named = with_distinct_names([each.result for each in inputs])
    inputs = [replace(each, result=result) for each, result in zip(inputs, named)]
    results = [each.result for each in inputs]
    summaries = [summarise(result) for result in results]
    by = "sequences" if any(len(set(result.sequences)) > 1 for result in results) else ""
    rows = comparison_rows(results, references, by, summaries)
    sheets = thumbnail_sheets([path for each in inputs for path in each.images], engine)
    has_covariance = any(result.has_covariance for result in results)
    warnings = [] if same_images(results) else ["These results are not about the same images: compare with care."]
    return render_page(
        PAGE,
        title=", ".join(dict.fromkeys(result.info.data for result in results)),
        results=[_section(each, summary, edges) for each, summary in zip(inputs, summaries)],
        warnings=warnings,
        sheets=sheets,
        tables=[_html_rows(table) for table in tables(rows)],
        cumulative=figure_source(draw_cumulative(results)),
        reliability=figure_source(draw_reliability(results)) if has_covariance else "",
        drawn="axes (x red, y green, z blue)" + (" and edges (yellow)" if edges is not None else ""),
        extra=[{"source": _file_source(path), "caption": caption} for path, caption in pictures],
        flight=Markup(json.dumps(_flight(results, sheets, edges), allow_nan=False).replace("<", "\\u003c")),
        script=_script(),
    )


def _script() -> Markup:
    content = pkgutil.get_data(__package__, SCRIPT)
    assert content is not None, "a file of this package"
    return Markup(content.decode("utf-8"))


def _html_rows(table: Table) -> dict[str, Any]:
    rows = [{"kind": kind, "cells": _in_lines(cells)} for kind, cells in zip(table.kinds, table.cells)]
    return {"title": table.title, "columns": table.columns, "rows": rows}


def _in_lines(cells: list[str]) -> list[str]:
    """Numbers with their interval on a line of its own, which does not break."""
    return [cells[0], *(cell.replace(" (", "\n(").replace(" to ", "\u00a0to\u00a0") for cell in cells[1:])]


def _section(each: PageInput, summary: dict[str, Any], edges: np.ndarray | None) -> dict[str, Any]:
    result, info = each.result, each.result.info
    origin = f"{info.kind}: {info.method} of {info.bundle} ({info.bundle_id}) on {info.data}; "
    origin += f"poses of {info.child_frame} in {info.parent_frame}."
    drawn = [
        ("trajectory", draw_trajectory(result, edges), "Truth and estimates; thin grey lines join those of one image."),
        ("errors over time", draw_over_time(result), "Errors over time; bands: not OK."),
        ("errors by distance and angle", draw_dependence(result), "Errors by where the camera was."),
    ]
    return {
        "name": info.name,
        "verdicts": verdicts(result, summary),
        "summary": [text for text in (ok_summary(summary), estimates_summary(summary)) if text],
        "warnings": _warnings(result),
        "origin": origin,
        "promise": _promise(result),
        "times": _times(summary),
        "pictures": [{"alt": a, "source": figure_source(figure), "caption": caption} for a, figure, caption in drawn],
        "worst": _worst(each, edges),
    }


def _warnings(result: Result) -> list[str]:
    info = result.info
    warnings = [f"{info.trained_on} images were trained on by this model: their errors are too small."]
    return (warnings if info.trained_on else []) + ([f"The model is {info.never_ok}."] if info.never_ok else [])


def _promise(result: Result) -> dict[str, Any]:
    """The reliability table; empty where states say nothing."""
    if not result.has_states:
        return {}
    rows = [row.cells(result.info.metric) for row in reliability_rows(result)]
    return {"title": reliability_title(result), "columns": COLUMNS, "rows": rows}


def _times(summary: dict[str, Any]) -> str:
    names = {"inference_s": "network", "latency_s": "arrival to pose", "age_s": "image taken to pose"}
    parts = [
        f"{what}: half within {1e3 * summary[name]['p50']:.0f} ms, 95 of 100 within {1e3 * summary[name]['p95']:.0f} ms"
        for name, what in names.items()
        if name in summary
    ]
    return "; ".join(parts) + "." if parts else ""


def _worst(each: PageInput, edges: np.ndarray | None) -> list[dict[str, str]]:
    result, errors, pictures = each.result, each.result.errors(), []
    for row in worst_rows(errors):
        path = each.images[row]
        source = worst_picture(result, row, path, edges) if path is not None else None
        caption = f"{result.sequences[row]}, {result.images[row].rpartition('/')[2] or f'row {row}'}: "
        caption += f"{_state_name(result.states[row])}, {length_text(errors.position_m[row], result.info.metric)}, "
        caption += f"{errors.orientation_deg[row]:.1f} deg"
        if source:
            pictures.append({"source": source, "caption": caption})
    return pictures


def _state_name(state: int) -> str:
    return "no state" if state == NO_STATE else State(state).name


def _flight(results: list[Result], sheets: Sheets, edges: np.ndarray | None) -> dict[str, Any]:
    """What trajectory_view.js reads: numbers rounded to what a page can show, null for what is not known."""
    ends = np.cumsum([len(result) for result in results])
    numbers = np.split(sheets.numbers, ends[:-1])
    return {
        "results": [_flight_of(result, part) for result, part in zip(results, numbers)],
        "sheets": {"width": sheets.width, "height": sheets.height, "side": SHEET_SIDE, "sources": sheets.sources},
        "edges": [] if edges is None else np.round(edges, 3).tolist(),
    }


def _flight_of(result: Result, pictures: np.ndarray) -> dict[str, Any]:
    errors, names = result.errors(), list(dict.fromkeys(result.sequences))
    seconds, _ = run_seconds(result)
    return {
        "name": result.info.name,
        "unit": length_unit(result.info.metric),
        "truth": _points(result.truth),
        "estimate": _points(result.estimate),
        "seconds": _rounded(seconds, 3),
        "gap": gap_seconds(seconds),
        "position": _rounded(errors.position_m, 4),
        "orientation": _rounded(errors.orientation_deg, 3),
        "score": _rounded(result.scores, 4),
        "state": result.states.tolist(),
        "reason": result.reasons.tolist(),
        "sequences": names,
        "sequence": [names.index(name) for name in result.sequences],
        "image": [image.rpartition("/")[2] for image in result.images],
        "picture": pictures.tolist(),
        "worst": worst_rows(errors, 1)[0],
    }


def _rounded(values: np.ndarray, digits: int) -> list[Optional[float]]:
    return [round(value, digits) if np.isfinite(value) else None for value in values.tolist()]


def _points(poses: np.ndarray) -> list[Optional[list[float]]]:
    known = np.isfinite(poses).all(axis=1)
    return [point if is_known else None for point, is_known in zip(poses[:, :3].round(3).tolist(), known)]


def _file_source(path: Path) -> str:
    """A PNG or JPEG file as it is; raises DatasetError or ResultError."""
    content = read_image_file(path)
    suffix = encoded_suffix(content)
    if not suffix:
        raise ResultError(f"{path}: not a PNG or JPEG image")
    return data_source(content, "png" if suffix == ".png" else "jpeg")

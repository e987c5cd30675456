# SPDX-License-Identifier: BSD-3-Clause
"""Results on disk: result.yaml, frames.csv and TUM files; reading them runs no code and follows no path of theirs."""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterable, Iterator

import numpy as np

from camera_relocalization_ros.core.errors import ConfigError, DatasetError, ResultError, one_line
from camera_relocalization_ros.core.output_files import check_replaceable, new_file, new_folder, write_yaml
from camera_relocalization_ros.core.plain_values import READ_FAULTS, from_plain, load_yaml_mapping, read_text, to_plain
from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.core.trajectory import Trajectory, write_tum
from camera_relocalization_ros.data.dataset import safe_name
from camera_relocalization_ros.evaluation.reliability import reliability_rows
from camera_relocalization_ros.evaluation.results import COVARIANCE_SIZE, NO_STAGE, NO_STATE, Result, ResultInfo

FORMAT, VERSION = "camera_relocalization_result", 2
MANIFEST, FRAMES_FILE = "result.yaml", "frames.csv"
# for people to read; computed anew from the frames
RELIABILITY = "reliability"
MAX_ROWS, MAX_FIELD, MAX_FRAMES_BYTES = 2_000_000, 4096, 2**28
TEXTS = ("sequence", "placement", "image", "reason")
AXES = ("x", "y", "z", "qx", "qy", "qz", "qw")
TRUTH, ESTIMATE = tuple(f"truth_{axis}" for axis in AXES), AXES
ERRORS = ("position_error_m", "orientation_error_deg")
TIMES = ("inference_s", "latency_s", "age_s")
TRIANGLE = np.triu_indices(COVARIANCE_SIZE)
COVARIANCE = tuple(f"cov_{row}{column}" for row, column in zip(*TRIANGLE))
COLUMNS = ("stamp_ns", *TEXTS, "state", "stage", "score", *TRUTH, *ESTIMATE, *ERRORS, *COVARIANCE, *TIMES)
# beside those, two columns for each baseline
BASELINE_SUFFIXES = (": position_error_m", ": orientation_error_deg")


@contextmanager
def new_result(folder: Path) -> Iterator[Path]:
    """The folder for a block to write a result to, or results below it, which becomes `folder` when it ends well.

    An older result, or folder of results, is replaced; raises ResultError for anything else.
    """
    check_replaceable(folder, (MANIFEST, f"*/{MANIFEST}"), ResultError)
    with new_folder(folder, ResultError) as partial:
        yield partial


def write_result(folder: Path, result: Result) -> None:
    """Write a result, whole or not at all; as `new_result`. Raises ResultError."""
    with new_result(folder) as partial:
        write_result_files(partial, result)


def write_result_files(folder: Path, result: Result) -> None:
    """Write a result's files into a folder, result.yaml last: without it a folder is no result. Raises ResultError."""
    _write_frames(folder / FRAMES_FILE, result)
    _write_trajectories(folder, result)
    table = [row.to_dict() for row in reliability_rows(result)] if result.has_states else []
    values = {"format": FORMAT, "version": VERSION, **to_plain(result.info), RELIABILITY: table}
    write_yaml(folder / MANIFEST, values, ResultError)


def load_result(folder: Path | str) -> Result:
    """The inverse of `write_result`; raises ResultError that names the file and line.

    Errors are computed from the poses, so a file cannot claim others.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise ResultError(f"{folder}: no {MANIFEST} in it; expected a folder made by reloc evaluate or reloc replay")
    try:
        values = load_yaml_mapping(folder / MANIFEST)
        found = (values.pop("format", None), values.pop("version", None))
        if found != (FORMAT, VERSION):
            raise ResultError(
                f"{folder / MANIFEST}: {found[0]!r} version {found[1]!r}; expected {FORMAT!r} version {VERSION}; "
                "`reloc evaluate` or `reloc replay` with -o makes it again"
            )
        values.pop(RELIABILITY, None)
        info = from_plain(ResultInfo, values)
        rows, baselines = _read_rows(folder / FRAMES_FILE)
        return _result(info, rows, baselines)
    except (ConfigError, DatasetError) as error:
        raise ResultError(str(error)) from error
    except (*READ_FAULTS, csv.Error) as error:
        raise ResultError(f"{folder}: not a result ({type(error).__name__}: {one_line(error)[:200]})") from error


def image_path(folder: Path, result: Result, row: int, override: Path | None = None) -> Path | None:
    """The image file of a row, None where it was not kept, or lies outside the folder that the user named.

    That is `override`, else the result's own: a result that others send must not show other files of this machine.
    """
    if not result.images[row] or not (override or result.info.image_folder):
        return None
    named = override or folder
    # joining an absolute folder gives that folder
    path = (override or folder / result.info.image_folder) / str(result.images[row])
    return path if named.resolve() in path.resolve().parents else None


def _write_frames(path: Path, result: Result) -> None:
    errors = result.errors()
    numbers = {"score": result.scores, **dict(zip(ERRORS, (errors.position_m, errors.orientation_deg)))}
    numbers.update(zip(TRUTH, result.truth.T))
    numbers.update(zip(ESTIMATE, result.estimate.T))
    numbers.update(zip(COVARIANCE, result.covariances[:, TRIANGLE[0], TRIANGLE[1]].T))
    numbers.update(zip(TIMES, (result.inference_s, result.latency_s, result.age_s)))
    for name, baseline in result.baselines.items():
        baseline_columns = (name + suffix for suffix in BASELINE_SUFFIXES)
        numbers.update(zip(baseline_columns, (baseline.position_m, baseline.orientation_deg)))
    texts = dict(zip(TEXTS, (result.sequences, result.placements, result.images, result.reasons)))
    columns: dict[str, Iterable[Any]] = {
        "stamp_ns": result.stamps_ns,
        **texts,
        "state": ["" if state == NO_STATE else State(state).name for state in result.states],
        "stage": ["" if stage == NO_STAGE else Stage(stage).name for stage in result.stages],
        **{name: [_number_text(value) for value in values] for name, values in numbers.items()},
    }
    order = [*COLUMNS, *(name for name in columns if name not in COLUMNS)]
    with new_file(path, ResultError) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(order)
        writer.writerows(zip(*(columns[name] for name in order)))


def _number_text(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))


def _write_trajectories(folder: Path, result: Result) -> None:
    names = list(dict.fromkeys(result.sequences))
    for name in names:
        rows = result.sequences == name
        middle = f".{safe_name(name)}" if len(names) > 1 else ""
        for kind, poses in (("truth", result.truth), ("estimate", result.estimate)):
            known = rows & np.isfinite(poses).all(axis=1)
            trajectory = Trajectory(result.stamps_ns[known], poses[known, :3], poses[known, 3:])
            write_tum(folder / f"{kind}{middle}.tum", trajectory)


def _read_rows(path: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Texts by column, and the names of the baselines."""
    csv.field_size_limit(MAX_FIELD)
    with io.StringIO(read_text(path, MAX_FRAMES_BYTES), newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        further = header[len(COLUMNS) :]
        baselines = [name[: -len(BASELINE_SUFFIXES[0])] for name in further[::2]]
        if header != [*COLUMNS, *(name + suffix for name in baselines for suffix in BASELINE_SUFFIXES)]:
            raise ResultError(f"{path}: columns {header[:4]}...; expected those of docs/evaluation.md")
        rows: list[list[str]] = []
        for row in reader:
            if len(row) != len(header) or len(rows) >= MAX_ROWS:
                raise ResultError(f"{path}:{reader.line_num}: {len(row)} fields; expected {len(header)}")
            rows.append(row)
    if not rows:
        raise ResultError(f"{path}: no rows; expected one for each image")
    return dict(zip(header, map(list, zip(*rows)))), baselines


def _result(info: ResultInfo, rows: dict[str, list[str]], baselines: list[str]) -> Result:
    def numbers(name: str) -> np.ndarray:
        try:
            return np.array([float(text) if text else np.nan for text in rows[name]])
        except ValueError as error:
            raise ResultError(f"{FRAMES_FILE}: column {name}: {error}") from error

    def matrix(names: tuple[str, ...]) -> np.ndarray:
        return np.stack([numbers(name) for name in names], axis=1)

    covariances = np.empty((len(rows["stamp_ns"]), COVARIANCE_SIZE, COVARIANCE_SIZE))
    covariances[:, TRIANGLE[0], TRIANGLE[1]] = covariances[:, TRIANGLE[1], TRIANGLE[0]] = matrix(COVARIANCE)
    for name in {*rows["image"], *rows["sequence"]} - {""}:
        for part in name.split("/"):
            safe_name(part)
    position_suffix, orientation_suffix = BASELINE_SUFFIXES
    return Result(
        info=info,
        stamps_ns=np.array([int(text) for text in rows["stamp_ns"]], dtype=np.int64),
        sequences=np.array(rows["sequence"], dtype=object),
        placements=np.array(rows["placement"], dtype=object),
        images=np.array(rows["image"], dtype=object),
        states=np.array([State[text] if text else NO_STATE for text in rows["state"]], dtype=np.int8),
        stages=np.array([Stage[text] if text else NO_STAGE for text in rows["stage"]], dtype=np.int8),
        reasons=np.array(rows["reason"], dtype=object),
        scores=numbers("score"),
        truth=matrix(TRUTH),
        estimate=matrix(ESTIMATE),
        covariances=covariances,
        inference_s=numbers("inference_s"),
        latency_s=numbers("latency_s"),
        age_s=numbers("age_s"),
        baselines={
            name: PoseErrors(
                position_m=numbers(name + position_suffix), orientation_deg=numbers(name + orientation_suffix)
            )
            for name in baselines
        },
    )


def result_folders(path: Path) -> list[Path]:
    """The folder itself when it is a result, else the results right below it; raises ResultError when there is none."""
    if (path / MANIFEST).is_file():
        return [path]
    found = sorted(manifest.parent for manifest in path.glob(f"*/{MANIFEST}"))
    if not found:
        raise ResultError(f"{path}: no {MANIFEST} in it or right below; make one with reloc evaluate or replay -o")
    return found

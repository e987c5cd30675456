# SPDX-License-Identifier: BSD-3-Clause
"""The cameras of a data set that has several, as a table: a row for each, numbered from 0."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Sequence

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.plain_values import read_text

SIZES, LENS = ("width", "height"), ("fx", "fy", "cx", "cy")
# the coefficients are one column, with blanks between them: not all models have as many
COLUMNS = (*SIZES, *LENS, "distortion_model", "distortion")


def write_cameras(path: Path, cameras: Sequence[CameraIntrinsics]) -> None:
    """Write the table; raises OSError."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for camera in cameras:
            numbers = {name: getattr(camera, name) for name in (*SIZES, *LENS)}
            coefficients = " ".join(map(repr, map(float, camera.distortion)))
            rows.writerow({**numbers, "distortion_model": camera.distortion_model, "distortion": coefficients})


def read_cameras(path: Path) -> tuple[CameraIntrinsics, ...]:
    """The cameras of a table; raises DatasetError that names the file and the line."""
    try:
        reader = csv.DictReader(read_text(path).splitlines())
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DatasetError(f"{path}: columns {reader.fieldnames}; expected {list(COLUMNS)}")
        return tuple(_camera(row, f"{path}:{reader.line_num}") for row in reader)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise DatasetError(f"{path}: not a readable table ({error})") from error


def _camera(row: dict[str, str], place: str) -> CameraIntrinsics:
    try:
        width, height = (int(row[name]) for name in SIZES)
        fx, fy, cx, cy = (float(row[name]) for name in LENS)
        distortion = tuple(float(value) for value in row["distortion"].split())
        return CameraIntrinsics(width, height, fx, fy, cx, cy, distortion, row["distortion_model"])
    except (AttributeError, TypeError, ValueError) as error:
        raise DatasetError(f"{place}: not the intrinsics of a camera ({error})") from error

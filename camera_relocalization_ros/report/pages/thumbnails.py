# SPDX-License-Identifier: BSD-3-Clause
"""Small pictures of all frames in a few large ones, so that a page of thousands opens at once; and the worst frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import List, Optional

import cv2
import numpy as np

from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.core.image_files import load_image
from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.fleet.engine import Engine, Here
from camera_relocalization_ros.report.pages.page import jpeg_source
from camera_relocalization_ros.vision.overlay import draw_pose

# of so many frames at most a page shows pictures; those of more are thinned out
MAX_THUMBNAILS, SHEET_SIDE = 5000, 16
WIDE, NARROW, MANY = 240, 112, 1500
QUALITY, WORST_QUALITY = 55, 80
WORST_WIDTH, WORST_COUNT, WORST_SPACING = 420, 8, 10
BLANK = 225
AS_BAD_M, AS_BAD_DEG = 0.50, 10.0


@dataclass(frozen=True)
class Sheets:
    """Sheets of SHEET_SIDE x SHEET_SIDE pictures, row by row; `numbers` (n,): each frame's picture, -1 for none."""

    width: int
    height: int
    sources: List[str]
    numbers: np.ndarray


def thumbnail_sheets(paths: list[Optional[Path]], engine: Engine | None = None) -> Sheets:
    """Of the image files of frames, None where there is none; a file that does not decode is a grey picture.

    engine: makes the sheets, this process where there is none.
    """
    engine = engine or Here()
    unique = list(dict.fromkeys(path for path in paths if path is not None))
    shown = unique[:: -(-len(unique) // MAX_THUMBNAILS) or 1]
    width = WIDE if len(shown) <= MANY else NARROW
    height = _height(shown, width)
    files = [path.absolute() for path in shown] if engine.is_elsewhere else shown
    parts = [files[first : first + SHEET_SIDE**2] for first in range(0, len(files), SHEET_SIDE**2)]
    labels = [f"pictures of {part[0]} and {len(part) - 1} files after it" for part in parts]
    done = dict(engine.completed(partial(_sheet_of, width=width, height=height), parts, labels))
    sources = [done[number] for number in range(len(parts))]
    numbers = {path: number for number, path in enumerate(shown)}
    return Sheets(
        width, height, sources, np.array([-1 if path is None else numbers.get(path, -1) for path in paths], dtype=int)
    )


def _sheet_of(paths: list[Path], width: int, height: int) -> str:
    with ThreadPoolExecutor() as pool:
        return _sheet(list(pool.map(lambda path: _thumbnail(path, width, height), paths)))


def worst_rows(errors: PoseErrors, count: int = WORST_COUNT) -> list[int]:
    """Rows with the largest errors, AS_BAD_M counting as much as AS_BAD_DEG, none near another."""
    badness = np.nan_to_num(errors.position_m / AS_BAD_M + errors.orientation_deg / AS_BAD_DEG, nan=-1.0)
    chosen: list[int] = []
    for row in np.argsort(-badness):
        if badness[row] < 0 or len(chosen) == count:
            break
        if all(abs(row - other) >= WORST_SPACING for other in chosen):
            chosen.append(int(row))
    return chosen


def worst_picture(result: Result, row: int, path: Path, edges: np.ndarray | None) -> str | None:
    """The image beside itself: the object where it truly is, and where the estimate says; None when unreadable."""
    image_bgr = load_image(path, cv2.IMREAD_COLOR)
    if image_bgr is None:
        return None
    height = max(round(image_bgr.shape[0] * WORST_WIDTH / image_bgr.shape[1]), 1)
    image_bgr = cv2.resize(image_bgr, (WORST_WIDTH, height), interpolation=cv2.INTER_AREA)
    if result.info.camera is None:
        return jpeg_source(image_bgr, WORST_QUALITY)
    drawn = [
        draw_pose(image_bgr, result.info.camera, pose_matrix(pose[:3], pose[3:]), edges, text)
        for pose, text in ((result.truth[row], "truth"), (result.estimate[row], "estimate"))
    ]
    return jpeg_source(np.hstack(drawn), WORST_QUALITY)


def _height(paths: list[Path], width: int) -> int:
    first = next((image for image in (_small(path, width) for path in paths[:5]) if image is not None), None)
    return width * 3 // 4 if first is None else max(round(width * first.shape[0] / first.shape[1]), 1)


def _small(path: Path, width: int) -> np.ndarray | None:
    # JPEG is decoded at a part of its size, which saves most of the time
    return load_image(path, cv2.IMREAD_REDUCED_COLOR_4 if width == NARROW else cv2.IMREAD_REDUCED_COLOR_2)


def _thumbnail(path: Path, width: int, height: int) -> np.ndarray:
    image_bgr = _small(path, width)
    if image_bgr is None:
        return np.full((height, width, 3), BLANK, dtype=np.uint8)
    return cv2.resize(image_bgr, (width, height), interpolation=cv2.INTER_AREA)


def _sheet(images: list[np.ndarray]) -> str:
    blank = np.full_like(images[0], BLANK)
    columns = min(SHEET_SIDE, len(images))
    rows = [images[first : first + columns] for first in range(0, len(images), columns)]
    rows[-1] = rows[-1] + [blank] * (columns - len(rows[-1]))
    return jpeg_source(np.vstack([np.hstack(row) for row in rows]), QUALITY)

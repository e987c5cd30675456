# SPDX-License-Identifier: BSD-3-Clause
"""Writes data sets so that a half-written one never loads: everything lands in a side folder that is renamed last."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import yaml

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.dataset import COLUMNS, FORMAT, FRAMES_FILE, MANIFEST, VERSION, safe_name
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import canonical_quat


class SequenceWriter:
    """Takes the frames of one sequence in ascending order of their stamps."""

    def __init__(self, folder: Path, rows: csv.DictWriter) -> None:
        self._folder = folder
        self._rows = rows
        self._last_stamp_ns = -(2**63)
        self.frame_count = 0
        self.skipped: Counter[str] = Counter()

    def add(
        self,
        stamp_ns: int,
        position: np.ndarray,
        quat_xyzw: np.ndarray,
        image_bytes: bytes,
        suffix: str,
        number: int | None = None,
    ) -> None:
        """Store one encoded image (suffix .jpg or .png) and the pose of the child in the parent frame."""
        if stamp_ns <= self._last_stamp_ns:
            raise DatasetError(f"stamp {stamp_ns} does not come after {self._last_stamp_ns}")
        number = self.frame_count + sum(self.skipped.values()) if number is None else number
        image_name = f"{number:06d}{suffix}"
        (self._folder / "images" / image_name).write_bytes(image_bytes)
        quat_xyzw = canonical_quat(quat_xyzw)
        values = (number, stamp_ns, image_name, *map(float, position), *map(float, quat_xyzw))
        self._rows.writerow(dict(zip(COLUMNS, values)))
        self._last_stamp_ns = stamp_ns
        self.frame_count += 1

    def skip(self, reason: str) -> None:
        """Count a frame that was left out."""
        self.skipped[reason] += 1


class DatasetWriter:
    """`with DatasetWriter(...) as writer: with writer.sequence(name, info) as sequence: sequence.add(...)`.

    The data set appears at `path` when the block ends well. Raises DatasetError when `path` is already there.
    """

    def __init__(
        self, path: Path | str, parent_frame: str, child_frame: str, camera: CameraIntrinsics | None = None
    ) -> None:
        self.path = Path(path)
        self._partial = self.path.with_name(self.path.name + ".partial")
        self._parent_frame = parent_frame
        self._child_frame = child_frame
        self.camera = camera
        self._entries: list[dict[str, Any]] = []

    def __enter__(self) -> DatasetWriter:
        if self.path.exists():
            raise DatasetError(f"{self.path}: exists already; remove it or choose another name")
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            (self._partial / "sequences").mkdir(parents=True)
        except OSError as error:
            raise DatasetError(f"{self._partial}: cannot be written ({error.strerror})") from error
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, _trace: object) -> None:
        if kind is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            if isinstance(error, OSError):
                raise DatasetError(f"{self._partial}: cannot be written ({error.strerror})") from error
            return
        if not any(entry["frames"] for entry in self._entries):
            shutil.rmtree(self._partial, ignore_errors=True)
            raise DatasetError(f"{self.path}: no frame was kept ({self.skipped_summary()}); nothing was written")
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "parent_frame": self._parent_frame,
            "child_frame": self._child_frame,
            "camera": self.camera.to_dict() if self.camera else None,
            "sequences": self._entries,
        }
        (self._partial / MANIFEST).write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
        os.replace(self._partial, self.path)

    @contextmanager
    def sequence(self, name: str, info: dict[str, Any] | None = None) -> Iterator[SequenceWriter]:
        """Open a new sequence; its frames and the counts of skipped ones are recorded when the block ends."""
        if any(entry["name"] == name for entry in self._entries):
            raise DatasetError(f"two sequences are named {name!r}")
        folder = self._partial / "sequences" / safe_name(name)
        (folder / "images").mkdir(parents=True)
        with open(folder / FRAMES_FILE, "w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, COLUMNS)
            rows.writeheader()
            sequence = SequenceWriter(folder, rows)
            yield sequence
        sequence_info = {**(info or {}), "skipped": dict(sequence.skipped)}
        self._entries.append({"name": name, "frames": sequence.frame_count, "info": sequence_info})

    def skipped_summary(self) -> str:
        """The counts of skipped frames by reason, in words."""
        total: Counter[str] = Counter()
        for entry in self._entries:
            total.update(entry["info"]["skipped"])
        return ", ".join(f"{count} {reason}" for reason, count in sorted(total.items())) or "none skipped"

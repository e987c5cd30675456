# SPDX-License-Identifier: BSD-3-Clause
"""Features in a folder: appended row by row by one process, read by many, never trusted when cut or overwritten."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Iterable, Iterator

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.output_files import write_text, writing

CELLS, POSES, SUMS, ROWS_DONE = "cells.npy", "poses.npy", "sums.npy", "rows_done"
LOCK, WRITER = "lock", "writer"
ROWS_PER_COMMIT = 64
CHECKED_BYTES = 2**24
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FeatureStore:
    """The folder of N = shape[0] rows of cells (V, C, cells) float16 and poses (V, 7) float64.

    sums (V, 2) uint32 of each row are CRC-32 of the bytes of cells and pose: a bad disk's bytes are not trained on.
    Rows count once they are on the disk: `rows_done` holds their number and is replaced after both files are synced.
    """

    folder: Path
    shape: tuple[int, int, int, int]

    def rows_done(self) -> int:
        """Rows that may be trusted; 0, with a warning, for a store that is damaged.

        Raises DatasetError when the store is there and cannot be read.
        """
        try:
            text = (self.folder / ROWS_DONE).read_text(encoding="utf-8", errors="replace")
            rows = int(text) if text.strip().isdecimal() else -1
            sound = 0 <= rows <= self.shape[0] and all(self._holds(part, rows) for part in self.parts)
            sound = sound and self._is_intact(rows)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            raise DatasetError(f"{self.folder}: the feature cache cannot be read ({error.strerror})") from error
        if not sound:
            has_sums = (self.folder / SUMS).is_file() or not (self.folder / CELLS).is_file()
            found = "a damaged feature cache" if has_sums else "a feature cache without checksums, as made before"
            logger.warning("%s: %s; it is made again", self.folder, found)
        return rows if sound else 0

    def poses(self) -> np.ndarray:
        """All poses (N, V, 7) of a whole store."""
        return np.load(self.folder / POSES)

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Only one process at a time writes the rows: one that was taken for dead may still be at it.

        Raises DatasetError when the folder cannot be made or written to, also for what is written in the block.
        """
        with writing(self.folder, DatasetError, "the feature cache "):
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / WRITER, "a", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield

    def append(self, rows: Iterable[tuple[np.ndarray, np.ndarray]], first: int) -> None:
        """Write the rows from number `first` to the last; what lay behind `first` is dropped.

        Raises OSError when writing fails.
        """
        if not first:
            (self.folder / ROWS_DONE).unlink(missing_ok=True)
        with contextlib.ExitStack() as stack:
            mode = "r+b" if first else "w+b"
            files: list[IO[bytes]] = [stack.enter_context(open(self.folder / name, mode)) for name, _, _ in self.parts]
            for file, (_, shape, dtype) in zip(files, self.parts):
                header = array_header(shape, dtype)
                file.write(header)
                file.truncate(len(header) + first * row_bytes(shape, dtype))
                file.seek(0, os.SEEK_END)
            for number, arrays in enumerate(rows, start=first + 1):
                kinds = [dtype for _, _, dtype in self.parts]
                stored = [np.ascontiguousarray(array, dtype) for array, dtype in zip(arrays, kinds)]
                for file, array, (_, shape, _) in zip(files, (*stored, _sums(*stored)), self.parts):
                    assert array.shape == shape[1:], (array.shape, shape)
                    file.write(array.data)
                if number % ROWS_PER_COMMIT == 0 or number == self.shape[0]:
                    self._commit(files, number)

    def _commit(self, files: list[IO[bytes]], rows: int) -> None:
        for file in files:
            file.flush()
            os.fsync(file.fileno())
        write_text(self.folder / ROWS_DONE, str(rows), DatasetError)

    @property
    def parts(self) -> list[tuple[str, tuple[int, ...], np.dtype]]:
        """Name, shape and type of each of its arrays."""
        rows, views = self.shape[:2]
        return [
            (CELLS, self.shape, np.dtype(np.float16)),
            (POSES, (rows, views, 7), np.dtype(np.float64)),
            (SUMS, (rows, views, 2), np.dtype(np.uint32)),
        ]

    def _holds(self, part: tuple[str, tuple[int, ...], np.dtype], rows: int) -> bool:
        name, shape, dtype = part
        path, header = self.folder / name, array_header(shape, dtype)
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return file.read(len(header)) == header and size >= len(header) + rows * row_bytes(shape, dtype)

    def _is_intact(self, rows: int) -> bool:
        """Whether the first `rows` rows are what was written, a part of them at a time."""
        at_once = max(CHECKED_BYTES // row_bytes(*self.parts[0][1:]), 1)
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open(self.folder / name, "rb")) for name, _, _ in self.parts]
            for file, (_, shape, dtype) in zip(files, self.parts):
                file.seek(len(array_header(shape, dtype)))
            for first in range(0, rows, at_once):
                count = min(at_once, rows - first)
                cells, poses, sums = (
                    np.frombuffer(file.read(count * row_bytes(shape, dtype)), dtype).reshape(count, *shape[1:])
                    for file, (_, shape, dtype) in zip(files, self.parts)
                )
                if any((_sums(*row[:2]) != row[2]).any() for row in zip(cells, poses, sums)):
                    return False
        return True


def _sums(cells: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """CRC-32 (V, 2) of the bytes of a row's cells (V, C, cells) and poses (V, 7), view by view."""
    pairs = [[zlib.crc32(view.data), zlib.crc32(pose.data)] for view, pose in zip(cells, poses)]
    return np.array(pairs, dtype=np.uint32).reshape(-1, 2)


def row_bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes of one row of an array (N, ...)."""
    return int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize


def array_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """What a .npy file of this shape begins with, so that NumPy can open the store too."""
    buffer = BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue()

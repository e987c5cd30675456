# SPDX-License-Identifier: BSD-3-Clause
"""Features in a folder: appended row by row by one process, read by many, never trusted when cut or overwritten."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import zlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO, Iterable, Iterator

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.output_files import write_text, writing

CELLS, POSES, SUMS, ROWS_DONE, LOCK = "cells.npy", "poses.npy", "sums.npy", "rows_done", "lock"
ROWS_PER_COMMIT = 64
CHECKED_BYTES = 2**24
logger = logging.getLogger(__name__)


class StoredCells:
    """An array (N, V, C, cells) float16 in a file, read where it is indexed by frames and views.

    Each read copies from the file. A memory map would be as fast, but its pages count as this process's memory, and
    training touches all of them. Raises DatasetError when the file is shorter than it says.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int, int]) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(np.float16)
        self._offset = len(_header(shape, self.dtype))
        self._items = np.arange(shape[0] * shape[1]).reshape(shape[:2])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        """What NumPy would give for an index of the first two axes: (..., C, cells)."""
        items = np.asarray(self._items[index])
        cells = np.empty((*items.shape, *self.shape[2:]), self.dtype)
        item_bytes = self.dtype.itemsize * self.shape[2] * self.shape[3]
        for into, item in zip(cells.reshape(items.size, -1), items.ravel()):
            if os.preadv(self._file.fileno(), [into], self._offset + int(item) * item_bytes) != item_bytes:
                raise DatasetError(f"{self.path}: cut short while it was being read; delete its folder and start again")
        return cells

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_file"}

    @cached_property
    def _file(self) -> BinaryIO:
        return open(self.path, "rb", buffering=0)


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
            sound = 0 <= rows <= self.shape[0] and all(self._holds(part, rows) for part in self._parts())
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

    def cells(self) -> StoredCells:
        """The cells of a whole store."""
        return StoredCells(self.folder / CELLS, self.shape)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time is past this; another waits, also on another machine that shares the folder.

        The lock falls with the process that holds it, however it ends. Raises DatasetError when the folder cannot be
        made or written to, also for what is written under the lock.
        """
        with writing(self.folder, DatasetError, "the feature cache "):
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / LOCK, "a", encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    logger.warning("%s: another process is caching these features; waiting for it", self.folder)
                    fcntl.flock(file, fcntl.LOCK_EX)
                yield

    def append(self, rows: Iterable[tuple[np.ndarray, np.ndarray]], first: int) -> None:
        """Write the rows from number `first` to the last; what lay behind `first` is dropped.

        Raises DatasetError before any work when the disk has too little room, and OSError when writing fails.
        """
        self._check_room(first)
        if not first:
            (self.folder / ROWS_DONE).unlink(missing_ok=True)
        with contextlib.ExitStack() as stack:
            mode = "r+b" if first else "w+b"
            files: list[IO[bytes]] = [
                stack.enter_context(open(self.folder / name, mode)) for name, _, _ in self._parts()
            ]
            for file, (_, shape, dtype) in zip(files, self._parts()):
                header = _header(shape, dtype)
                file.write(header)
                file.truncate(len(header) + first * _row_bytes(shape, dtype))
                file.seek(0, os.SEEK_END)
            for number, arrays in enumerate(rows, start=first + 1):
                kinds = [dtype for _, _, dtype in self._parts()]
                stored = [np.ascontiguousarray(array, dtype) for array, dtype in zip(arrays, kinds)]
                for file, array, (_, shape, _) in zip(files, (*stored, _sums(*stored)), self._parts()):
                    assert array.shape == shape[1:], (array.shape, shape)
                    file.write(array.data)
                if number % ROWS_PER_COMMIT == 0 or number == self.shape[0]:
                    self._commit(files, number)

    def _commit(self, files: list[IO[bytes]], rows: int) -> None:
        for file in files:
            file.flush()
            os.fsync(file.fileno())
        write_text(self.folder / ROWS_DONE, str(rows), DatasetError)

    def _parts(self) -> list[tuple[str, tuple[int, ...], np.dtype]]:
        rows, views = self.shape[:2]
        return [
            (CELLS, self.shape, np.dtype(np.float16)),
            (POSES, (rows, views, 7), np.dtype(np.float64)),
            (SUMS, (rows, views, 2), np.dtype(np.uint32)),
        ]

    def _holds(self, part: tuple[str, tuple[int, ...], np.dtype], rows: int) -> bool:
        name, shape, dtype = part
        path, header = self.folder / name, _header(shape, dtype)
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return file.read(len(header)) == header and size >= len(header) + rows * _row_bytes(shape, dtype)

    def _is_intact(self, rows: int) -> bool:
        """Whether the first `rows` rows are what was written, a part of them at a time."""
        at_once = max(CHECKED_BYTES // _row_bytes(*self._parts()[0][1:]), 1)
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open(self.folder / name, "rb")) for name, _, _ in self._parts()]
            for file, (_, shape, dtype) in zip(files, self._parts()):
                file.seek(len(_header(shape, dtype)))
            for first in range(0, rows, at_once):
                count = min(at_once, rows - first)
                cells, poses, sums = (
                    np.frombuffer(file.read(count * _row_bytes(shape, dtype)), dtype).reshape(count, *shape[1:])
                    for file, (_, shape, dtype) in zip(files, self._parts())
                )
                if any((_sums(*row[:2]) != row[2]).any() for row in zip(cells, poses, sums)):
                    return False
        return True

    def _check_room(self, first: int) -> None:
        missing = (self.shape[0] - first) * sum(_row_bytes(shape, dtype) for _, shape, dtype in self._parts())
        free = shutil.disk_usage(self.folder).free
        if missing > free:
            raise DatasetError(
                f"{self.folder}: the features of {self.shape[0] - first} images in {self.shape[1]} views take "
                f"{missing / 1e9:.2f} GB; {free / 1e9:.2f} GB are free (choose another --cache, or fewer views)"
            )


def _sums(cells: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """CRC-32 (V, 2) of the bytes of a row's cells (V, C, cells) and poses (V, 7), view by view."""
    pairs = [[zlib.crc32(view.data), zlib.crc32(pose.data)] for view, pose in zip(cells, poses)]
    return np.array(pairs, dtype=np.uint32).reshape(-1, 2)


def _row_bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    return int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """What a .npy file of this shape begins with, so that NumPy can open the store too."""
    buffer = BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue()

# SPDX-License-Identifier: BSD-3-Clause
"""The features of a data set in shards, each a store by itself: made side by side, and read without the others."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import Any, Iterator, Sequence

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.output_files import writing
from camera_relocalization_ros.training.features.feature_store import CELLS, LOCK, FeatureStore, array_header, row_bytes

# enough work for a process to begin with; and as many files as a process may have open several times over
SHARD_ROWS, MOST_SHARDS = 256, 256
logger = logging.getLogger(__name__)


class StoredCells:
    """An array (N, V, C, cells) float16 in the files of shards of so many rows, read where it is indexed by frames and
    views.

    Each read copies from a file. A memory map would be as fast, but its pages count as this process's memory, and
    training touches all of them. Raises DatasetError when a file is shorter than it says.
    """

    def __init__(self, paths: Sequence[Path], shape: tuple[int, int, int, int], shard_rows: int) -> None:
        self.paths, self.shape, self.dtype = tuple(paths), shape, np.dtype(np.float16)
        self._shard_items = max(shard_rows * shape[1], 1)
        self._items = np.arange(shape[0] * shape[1]).reshape(shape[:2])
        rows_of = (min(shard_rows, shape[0] - number * shard_rows) for number in range(len(self.paths)))
        self._offsets = [len(array_header((rows, *shape[1:]), self.dtype)) for rows in rows_of]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        """What NumPy would give for an index of the first two axes: (..., C, cells)."""
        items = np.asarray(self._items[index])
        cells = np.empty((*items.shape, *self.shape[2:]), self.dtype)
        item_bytes = self.dtype.itemsize * self.shape[2] * self.shape[3]
        for into, item in zip(cells.reshape(items.size, -1), items.ravel()):
            shard, place = divmod(int(item), self._shard_items)
            offset = self._offsets[shard] + place * item_bytes
            if os.preadv(self._file(shard).fileno(), [into], offset) != item_bytes:
                path = self.paths[shard]
                raise DatasetError(f"{path}: cut short while it was being read; delete its folder and start again")
        return cells

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_files"}

    def _file(self, shard: int) -> FileIO:
        if shard not in self._files:
            self._files[shard] = FileIO(self.paths[shard])
        return self._files[shard]

    @cached_property
    def _files(self) -> dict[int, FileIO]:
        """Those that were read from, by the number of their shard."""
        return {}


@dataclass(frozen=True)
class Shard:
    """A store of the rows from number `first` on."""

    store: FeatureStore
    first: int

    @property
    def rows(self) -> slice:
        """Of the whole."""
        return slice(self.first, self.first + self.store.shape[0])


@dataclass(frozen=True)
class ShardedStore:
    """The folder of N = shape[0] rows as FeatureStore has them.

    Few rows, and those that lie so from before there were shards, are one shard, the folder itself; else it has folders
    shard_000, ..., whose rows follow from N alone.
    """

    folder: Path
    shape: tuple[int, int, int, int]

    @cached_property
    def shard_rows(self) -> int:
        """Rows of each shard but the last."""
        rows = self.shape[0]
        if rows <= SHARD_ROWS or (self.folder / CELLS).is_file():
            return rows
        return max(SHARD_ROWS, -(-rows // MOST_SHARDS))

    @cached_property
    def shards(self) -> list[Shard]:
        """All of them, in order."""
        rows, step = self.shape[0], self.shard_rows
        if step == rows:
            return [Shard(FeatureStore(self.folder, self.shape), 0)]
        return [
            Shard(
                FeatureStore(self.folder / f"shard_{first // step:03}", (min(step, rows - first), *self.shape[1:])),
                first,
            )
            for first in range(0, rows, step)
        ]

    def missing(self, rows: np.ndarray | None = None) -> list[tuple[Shard, int]]:
        """The shards that are not whole, each with the number of rows that it lacks; of those with `rows`, where given.

        Raises DatasetError when a store is there and cannot be read.
        """
        lacking = ((shard, shard.store.shape[0] - shard.store.rows_done()) for shard in self._with(rows))
        return [(shard, rows) for shard, rows in lacking if rows]

    def poses(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Poses (N, V, 7); where only shards with some `rows` are whole, NaN in the others."""
        poses = np.full((*self.shape[:2], 7), np.nan)
        for shard in self._with(rows):
            poses[shard.rows] = shard.store.poses()
        return poses

    def _with(self, rows: np.ndarray | None) -> list[Shard]:
        if rows is None:
            return self.shards
        return [self.shards[number] for number in np.unique(rows // self.shard_rows)]

    def cells(self) -> StoredCells:
        """The cells of a whole store."""
        return StoredCells([shard.store.folder / CELLS for shard in self.shards], self.shape, self.shard_rows)

    @contextlib.contextmanager
    def locked(self, is_shared: bool = False) -> Iterator[None]:
        """Only one process at a time is past this, or several that share it; others wait, also on another machine that
        has the folder.

        The lock falls with the process that holds it, however it ends. Raises DatasetError when the folder cannot be
        made or written to, also for what is written under the lock.
        """
        with writing(self.folder, DatasetError, "the feature cache "):
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / LOCK, "a", encoding="utf-8") as file:
                kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
                try:
                    fcntl.flock(file, kind | fcntl.LOCK_NB)
                except BlockingIOError:
                    logger.warning("%s: another process is caching these features; waiting for it", self.folder)
                    fcntl.flock(file, kind)
                yield

    def check_room(self, rows: int) -> None:
        """Raise DatasetError when the disk has too little room for so many more rows."""
        needed = rows * sum(row_bytes(shape, dtype) for _, shape, dtype in FeatureStore(self.folder, self.shape).parts)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise DatasetError(
                f"{self.folder}: the features of {rows} images in {self.shape[1]} views take {needed / 1e9:.2f} GB; "
                f"{free / 1e9:.2f} GB are free (choose another --cache, or fewer views)"
            )

# SPDX-License-Identifier: BSD-3-Clause
"""Training items out of feature caches: windows of consecutive frames, each frame in one of its stored views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset

from camera_relocalization_ros.core.dataset import Dataset
from camera_relocalization_ros.learning.feature_cache import FeatureCache


@dataclass(frozen=True)
class Source:
    """A feature cache with the windows (W, t) of frame indices that may be taken from it."""

    cache: FeatureCache
    windows: np.ndarray


def windows_of(dataset: Dataset, length: int, max_gap_s: float) -> np.ndarray:
    """Windows (W, length) of indices into `dataset.frames`; none spans a gap or two sequences."""
    windows, first = [np.empty((0, length), dtype=int)], 0
    for sequence in dataset.sequences:
        windows.append(sequence.windows(length, max_gap_s) + first)
        first += len(sequence.frames)
    return np.concatenate(windows)


class WindowSamples(TorchDataset):
    """Item i: the window i // V, its newest frame in view i % V, the older ones in views drawn anew each time.

    A batch is cells (b, t, c, n) float32, positions (b, t, 3) and quaternions (b, t, 4) in float32.
    """

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources
        self._sizes = [len(source.windows) * source.cache.cells.shape[1] for source in sources]
        self._starts = np.concatenate([[0], np.cumsum(self._sizes)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, items: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The batch at a list of item numbers (a DataLoader with a batch sampler asks for such)."""
        items = np.asarray(items)
        which = np.searchsorted(self._starts, items, side="right") - 1
        cells, poses = zip(*(self._window(self._sources[s], item - self._starts[s]) for s, item in zip(which, items)))
        poses_bt7 = torch.from_numpy(np.stack(poses)).float()
        return torch.from_numpy(np.stack(cells)).float(), poses_bt7[..., :3], poses_bt7[..., 3:]

    @staticmethod
    def _window(source: Source, item: int) -> tuple[np.ndarray, np.ndarray]:
        views = source.cache.cells.shape[1]
        rows = source.windows[item // views]
        view = torch.randint(views, (len(rows),)).numpy()
        view[-1] = item % views
        return source.cache.cells[rows, view], source.cache.poses[rows, view]

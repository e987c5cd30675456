# SPDX-License-Identifier: BSD-3-Clause
"""Training items out of feature caches: windows of consecutive frames, each frame in one of its stored views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.training.features.feature_cache import FeatureCache

# how often a batch is cut to its windows' newest frames, because flight starts, and starts again, with one frame
SHORT_WINDOW_SHARE = 0.25


@dataclass(frozen=True)
class Source:
    """A feature cache with the windows (W, t) of frame indices that may be taken from it."""

    cache: FeatureCache
    windows: np.ndarray


@dataclass(frozen=True)
class Draw:
    """What a batch is made of: b windows by number, and the view (b, t) of each of their frames.

    before: with draws of sequences whose state is carried, the row of the batch before that each row continues, and -1
    for one that begins anew.
    """

    windows: np.ndarray
    views: np.ndarray
    before: np.ndarray | None = None


def windows_of(dataset: Dataset, length: int, max_gap_s: float) -> np.ndarray:
    """Windows (W, length) of indices into `dataset.frames`; none spans a gap or two sequences."""
    windows, first = [np.empty((0, length), dtype=int)], 0
    for sequence in dataset.sequences:
        windows.append(sequence.windows(length, max_gap_s) + first)
        first += len(sequence.frames)
    return np.concatenate(windows)


def stretches_of(dataset: Dataset, max_gap_s: float) -> list[np.ndarray]:
    """Indices into `dataset.frames` of each stretch of frames of one sequence without a gap; all frames are in one."""
    begins = np.ones(dataset.frame_count, dtype=bool)
    begins[windows_of(dataset, 2, max_gap_s)[:, 1]] = False
    return np.split(np.arange(dataset.frame_count), np.flatnonzero(begins)[1:])


def chains_of(dataset: Dataset, length: int, max_gap_s: float, most_frames: int) -> list[np.ndarray]:
    """Chains of windows (w, length) of indices into `dataset.frames`, each window after the one before it.

    A stretch becomes chains of at most so many frames. Frames that do not fill a window at the end of one are left out.
    """
    chains = []
    for stretch in stretches_of(dataset, max_gap_s):
        pieces = np.split(stretch, np.arange(most_frames, len(stretch), most_frames))
        chains += [piece[: len(piece) // length * length].reshape(-1, length) for piece in pieces]
    return [chain for chain in chains if len(chain)]


class WindowSamples(TorchDataset):
    """The windows of some caches with the same number of views.

    A batch is cells (b, t, c, n) float32, positions (b, t, 3) from `origin` on and quaternions (b, t, 4) in float32,
    and where the draw has it, which rows of the batch before it goes on from (b,).
    """

    def __init__(self, sources: list[Source], origin: np.ndarray | None = None) -> None:
        self._sources = sources
        self._origin_7 = np.concatenate([np.zeros(3) if origin is None else origin, np.zeros(4)])
        self._starts = np.concatenate([[0], np.cumsum([len(source.windows) for source in sources])])
        self.views = sources[0].cache.cells.shape[1]
        self.window_length = sources[0].windows.shape[1]

    @classmethod
    def of(
        cls,
        datasets: Sequence[Dataset],
        caches: Sequence[FeatureCache],
        length: int,
        max_gap_s: float,
        origin: np.ndarray | None = None,
    ) -> WindowSamples:
        """All windows of `length` frames of the data sets, with the cache of each."""
        windows = (windows_of(dataset, length, max_gap_s) for dataset in datasets)
        return cls(list(map(Source, caches, windows)), origin)

    def __len__(self) -> int:
        """Number of windows."""
        return int(self._starts[-1])

    def __getitem__(self, draw: Draw) -> tuple[torch.Tensor, ...]:
        """The batch of a draw; of windows, as many of the newest frames as it has views for."""
        source_of = np.searchsorted(self._starts, draw.windows, side="right") - 1
        length = draw.views.shape[1]
        parts = []
        for source in np.unique(source_of):
            of_source = np.flatnonzero(source_of == source)
            rows = self._sources[source].windows[draw.windows[of_source] - self._starts[source], -length:]
            cache, views = self._sources[source].cache, draw.views[of_source]
            parts.append((of_source, cache.cells[rows, views], cache.poses[rows, views]))
        # back into the order of the draw
        order = np.argsort(np.concatenate([of_source for of_source, _, _ in parts]))
        cells = np.concatenate([part for _, part, _ in parts])[order]
        poses_bt7 = torch.from_numpy(np.concatenate([part for _, _, part in parts])[order] - self._origin_7).float()
        batch = torch.from_numpy(cells).float(), poses_bt7[..., :3], poses_bt7[..., 3:]
        return batch if draw.before is None else (*batch, torch.from_numpy(draw.before))


def part_bounds(windows: int, parts: int) -> np.ndarray:
    """The first window of each part, and the end of the last one (parts + 1,)."""
    return np.linspace(0, windows, parts + 1).astype(int)


def shared_batch_size(wanted: int, windows: int, views: int, processes: int, parts: int = 1) -> int:
    """Items of a batch, `wanted` or all there are; raises ConfigError when processes or parts cannot share it."""
    size = min(wanted, int(np.diff(part_bounds(windows, parts)).min()) * views * parts)
    if size % processes:
        raise ConfigError(f"batches of {size} cannot be shared evenly by {processes} processes")
    if parts > 1 and (size % parts or not size):
        raise ConfigError(f"batches of {size} of {windows} windows cannot be taken evenly from {parts} parts")
    if parts > 1 and parts % processes:
        raise ConfigError(f"{parts} parts of the data cannot be shared evenly by {processes} processes")
    return size


def own_rows(
    windows: Sequence[np.ndarray], frames: Sequence[int], parts: int, rank: int, processes: int
) -> list[np.ndarray]:
    """Which rows of each data set a process reads in training: the frames (n,) of its parts' windows, ascending.

    windows: of each data set (W, t), which has so many frames. With one part it is all of them. The first process has
    those besides that are in no window.
    """
    bounds = part_bounds(sum(map(len, windows)), parts)
    own, first = [], 0
    for of_set, count in zip(windows, frames):
        number = first + np.arange(len(of_set))
        part = np.searchsorted(bounds, number, side="right") - 1
        is_own = np.zeros(count, dtype=bool)
        is_own[of_set[(part % processes == rank) | (parts == 1)].ravel()] = True
        if rank == 0 or parts == 1:
            is_in_none = np.ones(count, dtype=bool)
            is_in_none[of_set.ravel()] = False
            is_own |= is_in_none
        own.append(np.flatnonzero(is_own))
        first += len(of_set)
    return own


class TrainingDraws(Sampler):
    """The batches of an epoch: every window once with its newest frame in every view, in random order.

    All chance is drawn from seed and epoch alone. So a training that is taken up again after a kill goes on as if
    undisturbed, and each of `processes` processes gets its share of the batch that one process alone would get: where
    each batch is taken evenly from `parts` of the data, that of parts of its own.
    """

    def __init__(
        self,
        samples: WindowSamples,
        batch_size: int,
        seed: int,
        rank: int = 0,
        processes: int = 1,
        parts: int = 1,
    ) -> None:
        self._samples, self._seed, self._epoch = samples, seed, 0
        self._rank, self._processes = rank, processes
        self._batch_size = shared_batch_size(batch_size, len(samples), samples.views, processes, parts)
        self._bounds = part_bounds(len(samples), parts) * samples.views

    def set_epoch(self, epoch: int) -> None:
        """Lightning says which epoch comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Batches of an epoch; what is left over after the last whole one waits for another epoch's order."""
        parts = len(self._bounds) - 1
        return int(np.diff(self._bounds).min()) * parts // self._batch_size

    def _items(self, rng: np.random.Generator) -> np.ndarray:
        """Windows and views in random order, those of the parts in turns: the place in a batch tells the part."""
        orders = [rng.permutation(np.arange(first, end)) for first, end in zip(self._bounds, self._bounds[1:])]
        least = min(map(len, orders))
        return np.stack([order[:least] for order in orders], axis=1).ravel()

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self._seed, self._epoch])
        views, length = self._samples.views, self._samples.window_length
        items = self._items(rng)
        for batch in range(len(self)):
            chosen = items[batch * self._batch_size : (batch + 1) * self._batch_size]
            views_bt = rng.integers(views, size=(len(chosen), length))
            views_bt[:, -1] = chosen % views
            if length > 1 and rng.random() < SHORT_WINDOW_SHARE:
                views_bt = views_bt[:, -1:]
            mine = slice(self._rank, None, self._processes)
            yield Draw(chosen[mine] // views, views_bt[mine])


class OrderedDraws(Sampler):
    """Every window once, in order, in the original view."""

    def __init__(self, samples: WindowSamples, batch_size: int = 256) -> None:
        self._samples, self._batch_size = samples, batch_size

    def __len__(self) -> int:
        return -(-len(self._samples) // self._batch_size)

    def __iter__(self) -> Iterator[Draw]:
        for first in range(0, len(self._samples), self._batch_size):
            windows = np.arange(first, min(first + self._batch_size, len(self._samples)))
            yield Draw(windows, np.zeros((len(windows), self._samples.window_length), dtype=int))


@dataclass(frozen=True)
class Chains:
    """Samples whose windows follow each other: those of the first chain, `lengths[0]` of them, and so on."""

    samples: WindowSamples
    lengths: np.ndarray

    @classmethod
    def of(
        cls,
        datasets: Sequence[Dataset],
        caches: Sequence[FeatureCache],
        length: int,
        max_gap_s: float,
        most_frames: int,
        origin: np.ndarray,
    ) -> Chains:
        """All of `chains_of` the data sets, with the cache of each."""
        chains = [chains_of(dataset, length, max_gap_s, most_frames) for dataset in datasets]
        windows = (np.concatenate([np.empty((0, length), dtype=int), *of_set]) for of_set in chains)
        lengths = np.array([len(chain) for of_set in chains for chain in of_set])
        return cls(WindowSamples(list(map(Source, caches, windows)), origin), lengths)


class ChainedDraws(Sampler):
    """The batches of an epoch, of chains side by side: each row goes on where a row of the batch before it ended.

    Every chain is drawn once for each view, and so every frame once in every view. A row whose chain has ended takes
    the next one; where none is left, the batches get smaller. All chance is drawn from seed and epoch alone.
    """

    def __init__(self, chains: Chains, batch_size: int, seed: int) -> None:
        self._lengths, self._views = chains.lengths, chains.samples.views
        self._window_length = chains.samples.window_length
        self._batch_size, self._seed, self._epoch = batch_size, seed, 0
        # the longest first: so the last batches are few, and every epoch has as many
        self._batches = len(self._rows(np.argsort(-np.repeat(self._lengths, self._views), kind="stable")))

    def set_epoch(self, epoch: int) -> None:
        """Lightning says which epoch comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._batches

    def _rows(self, order: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of each batch the drawn chains (b,), the place (b,) in them, and the row before (b,); in this order."""
        waiting, batches = list(order[::-1]), []
        chain, place, before = (np.empty(0, dtype=int) for _ in range(3))
        while waiting or len(chain):
            goes_on = np.flatnonzero(place + 1 < self._lengths[chain // self._views])
            count = min(self._batch_size - len(goes_on), len(waiting))
            new = np.array([waiting.pop() for _ in range(count)], dtype=int)
            chain = np.concatenate([chain[goes_on], new])
            place = np.concatenate([place[goes_on] + 1, np.zeros(count, dtype=int)])
            before = np.concatenate([goes_on, np.full(count, -1)])
            if len(chain):
                batches.append((chain, place, before))
        return batches

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self._seed, self._epoch])
        shuffled = rng.permutation(len(self._lengths) * self._views)
        order = shuffled[np.argsort(-self._lengths[shuffled // self._views], kind="stable")]
        first = np.cumsum(self._lengths) - self._lengths
        turned_wt = rng.integers(self._views, size=(self._lengths.sum(), self._window_length))
        for drawn, place, before in self._rows(order):
            windows = first[drawn // self._views] + place
            yield Draw(windows, (turned_wt[windows] + drawn[:, None]) % self._views, before)


class StretchDraws(Sampler):
    """Every frame once, in order, in the original view: batches of frames of one stretch, each after the one before.

    Of chains of single frames. A batch has one row before it, whatever its size: the last frame of the batch before.
    """

    def __init__(self, chains: Chains, batch_size: int = 256) -> None:
        self._bounds = []
        for end, length in zip(np.cumsum(chains.lengths), chains.lengths):
            firsts = range(end - length, end, batch_size)
            self._bounds += [(first, min(first + batch_size, end), first > end - length) for first in firsts]

    def __len__(self) -> int:
        return len(self._bounds)

    def __iter__(self) -> Iterator[Draw]:
        for first, end, goes_on in self._bounds:
            yield Draw(np.arange(first, end), np.zeros((end - first, 1), dtype=int), np.array([0 if goes_on else -1]))

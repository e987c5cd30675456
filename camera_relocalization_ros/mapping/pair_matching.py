# SPDX-License-Identifier: BSD-3-Clause
"""What many pairs of images have in common, matched side by side: in threads here, in blocks of pairs elsewhere."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Callable, List, Mapping, Sequence, Tuple

import numpy as np

from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.fleet.engine import Engine, counted, uncounted
from camera_relocalization_ros.mapping.guided_matching import SeenPoints, match_pair
from camera_relocalization_ros.vision.local_features import LocalFeatures

# of how many images descriptors are kept as unit vectors, a megabyte each
KEPT_IMAGES = 64
# pairs that another process matches at once: they and the features of their images are some megabytes
BLOCK_PAIRS = 64
# of each pair its features (m, 2), numbered by image, and their cosines (m,)
PairMatches = List[Tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Matches:
    """What pairs of images of a survey have in common: features (m, 2), numbered image after image, cosines (m,)."""

    features: np.ndarray
    cosines: np.ndarray

    def without(self, left_out_f: np.ndarray) -> Matches:
        """Those of no feature of a mask (f,)."""
        keep = ~left_out_f[self.features].any(axis=1)
        return Matches(self.features[keep], self.cosines[keep])


@dataclass(frozen=True)
class PairBlock:
    """Pairs of images, and by image its features and T_parent_child."""

    pairs: List[Tuple[int, int]]
    features: Mapping[int, LocalFeatures]
    T_parent_child: Mapping[int, np.ndarray]

    @classmethod
    def of(cls, pairs: np.ndarray, features: Sequence[LocalFeatures], T_parent_child: np.ndarray) -> PairBlock:
        """Some pairs (p, 2) of a survey's images, with what belongs to these."""
        images = np.unique(pairs).tolist()
        return cls(
            list(map(tuple, pairs.tolist())), {i: features[i] for i in images}, {i: T_parent_child[i] for i in images}
        )


def matches_of(
    pairs: np.ndarray,
    features: Sequence[LocalFeatures],
    T_parent_child: np.ndarray,
    tolerance_px: float,
    engine: Engine,
    label: str,
) -> Matches:
    """What pairs (p, 2) of images have in common; tolerance_px: of the epipolar line."""
    size = BLOCK_PAIRS if engine.is_elsewhere else max(len(pairs), 1)
    parts = [pairs[first : first + size] for first in range(0, len(pairs), size)]
    blocks = [PairBlock.of(part, features, T_parent_child) for part in parts]
    work = partial(_matched, tolerance_px=tolerance_px, threads=1 if engine.is_elsewhere else os.cpu_count() or 1)
    with Task(label, len(pairs), "pair") as progress:
        labels, sizes = [f"{label}, {len(part)} pairs" for part in parts], list(map(len, parts))
        found = [each for block in counted(engine, work, blocks, labels, sizes, progress) for each in block]
    first = np.concatenate([[0], np.cumsum([len(f) for f in features])])
    numbered = [rows + first[pair] for pair, (rows, _) in zip(pairs, found)]
    return Matches(
        np.concatenate([np.empty((0, 2), dtype=np.int64), *numbered]),
        np.concatenate([np.empty(0), *(cosines for _, cosines in found)]),
    )


def _matched(
    block: PairBlock, tolerance_px: float, threads: int, advance: Callable[[], object] = uncounted
) -> PairMatches:
    # an image is in several pairs that follow one another
    seen = lru_cache(KEPT_IMAGES)(lambda image: SeenPoints.of(block.features[image]))

    def matched(pair: Tuple[int, int]) -> Tuple[np.ndarray, np.ndarray]:
        a, b = pair
        T_b_a = invert(block.T_parent_child[b]) @ block.T_parent_child[a]
        return match_pair(seen(a), seen(b), T_b_a, tolerance_px / block.features[b].focal_px)

    found = []
    # NumPy lets go of the interpreter in the products that take the time
    with ThreadPoolExecutor(threads) as pool:
        for each in pool.map(matched, block.pairs):
            found.append(each)
            advance()
    return found

# SPDX-License-Identifier: BSD-3-Clause
"""Which landmarks belong to the object: those seen where they should be with the object at several placements."""

from __future__ import annotations

import numpy as np

from camera_relocalization_ros.core.dataset import Dataset
from camera_relocalization_ros.core.split_kinds import placements_of
from camera_relocalization_ros.mapping.landmarks import Landmarks

# with two placements a wall may agree by chance; where there are three, three must
MOST_NEEDED = 3


def placements(dataset: Dataset) -> np.ndarray:
    """Number (f,) of the object's placement in each frame; all 1 where no recording tells where the object stood."""
    if not any(sequence.info.get("T_world_parent") for sequence in dataset.sequences):
        return np.ones(dataset.frame_count, dtype=np.int64)
    numbers = placements_of(dataset)
    return np.repeat([numbers[s.name] for s in dataset.sequences], [len(s.frames) for s in dataset.sequences])


def needed_placements(placement: np.ndarray) -> int:
    """How many placements must agree on a landmark of a data set with these placements (f,)."""
    return min(len(np.unique(placement)), MOST_NEEDED)


def confirmed(landmarks: Landmarks, placement: np.ndarray, needed: int) -> np.ndarray:
    """Mask (l,): landmarks seen, where they should be, at `needed` placements; placement (n,) is of each image."""
    pairs = np.stack([landmarks.seen.landmark, placement[landmarks.seen.image]], axis=1)
    distinct = np.unique(pairs, axis=0)
    return np.bincount(distinct[:, 0], minlength=len(landmarks)) >= needed

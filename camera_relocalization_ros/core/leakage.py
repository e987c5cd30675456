# SPDX-License-Identifier: BSD-3-Clause
"""What a test part gives away: test frames beside training frames, and the same images in both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from camera_relocalization_ros.core.dataset import Dataset
from camera_relocalization_ros.core.evaluation import oracle_nearest, pose_errors
from camera_relocalization_ros.core.image_files import read_image_file

# a test frame that is fewer frames away from a training frame is beside it
BESIDE_FRAMES = 3


@dataclass(frozen=True)
class Leakage:
    """How far a test part is from the training part.

    `beside`: test frames less than BESIDE_FRAMES from a training frame of the same sequence; `closest`: the smallest
    such distance in frames, infinite when no sequence is in both; `same_images`: test images that are also training
    images, byte for byte; `oracle_m`, `oracle_deg`: median error of the training pose nearest to each test pose.
    """

    frames: int
    beside: int
    closest: float
    same_images: int
    oracle_m: float
    oracle_deg: float

    @property
    def leaks(self) -> bool:
        """Whether results on the part would prove little."""
        return self.beside > 0 or self.same_images > 0

    def sentence(self) -> str:
        """The findings in words."""
        oracle = f"nearest training pose: median {self.oracle_m:.3f} m, {self.oracle_deg:.2f} deg"
        if not self.leaks:
            apart = f"{self.closest:.0f} frames apart" if np.isfinite(self.closest) else "other sequences"
            return f"{self.frames} frames, no leak ({apart}); {oracle}"
        causes = []
        if self.beside:
            causes.append(f"{self.beside} of {self.frames} lie beside a training frame")
        if self.same_images:
            causes.append(f"{self.same_images} images are training images too")
        return f"LEAK: {', and '.join(causes)}; results on it prove little; {oracle}"


def find_leakage(train: Dataset, test: Dataset) -> Leakage:
    """Compare two parts of one data set."""
    apart = np.concatenate([_frames_apart(train, test, sequence.name) for sequence in test.sequences])
    nearest = oracle_nearest(*train.positions_quats(), *test.positions_quats())
    positions, quats = (values[nearest] for values in train.positions_quats())
    oracle = pose_errors(positions, quats, *test.positions_quats())
    known = set(_image_hashes(train))
    return Leakage(
        test.frame_count,
        int((apart < BESIDE_FRAMES).sum()),
        float(apart.min()),
        sum(1 for digest in _image_hashes(test) if digest in known),
        float(np.median(oracle.position_m)),
        float(np.median(oracle.orientation_deg)),
    )


def _frames_apart(train: Dataset, test: Dataset, name: str) -> np.ndarray:
    """How many frames (N,) from each test frame of a sequence to the nearest training frame of the same."""
    test_numbers, train_numbers = (
        np.array([f.number for s in part.sequences if s.name == name for f in s.frames]) for part in (test, train)
    )
    if not len(train_numbers):
        return np.full(len(test_numbers), np.inf)
    after = np.clip(np.searchsorted(train_numbers, test_numbers), 0, len(train_numbers) - 1)
    before = np.maximum(after - 1, 0)
    return np.minimum(np.abs(train_numbers[after] - test_numbers), np.abs(train_numbers[before] - test_numbers))


def _image_hashes(dataset: Dataset) -> list[bytes]:
    return [hashlib.blake2b(read_image_file(frame.image_path), digest_size=16).digest() for frame in dataset.frames]

# SPDX-License-Identifier: BSD-3-Clause
"""What a test part gives away: test frames beside training frames, and the same images in both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.image_files import read_image_file
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import length_unit, oracle_nearest, pose_errors
from camera_relocalization_ros.data.dataset import Dataset, Sequence

# a training frame closer in time than this shows almost the same
APART_S = 1.0
# photographs have no times: one that is closer than this share of where all were taken, and turned less, does so
NEAR_SHARE, NEAR_RAD = 0.01, np.radians(3.0)


@dataclass(frozen=True)
class Leakage:
    """How far a test part is from the training part.

    frames_apart, seconds_apart (N,): from each test frame to the closest training frame of the same sequence, infinite
    when that has none; limit_s: a test frame closer than this leaks; `same_images`: test images that are also training
    images, byte for byte; `oracle_m`, `oracle_deg`: median error of the training pose nearest to each test pose.
    Photographs are infinitely apart in both: `is_near` (N,) tells which of them have a training pose within near_m and
    NEAR_RAD. is_metric: lengths are in metres, not in units of a scene.
    """

    frames_apart: np.ndarray
    seconds_apart: np.ndarray
    limit_s: float
    same_images: int
    oracle_m: float
    oracle_deg: float
    is_near: np.ndarray
    near_m: float
    is_metric: bool = True

    @property
    def frames(self) -> int:
        """Test frames."""
        return len(self.frames_apart)

    @property
    def beside(self) -> int:
        """Test frames that are closer than limit_s to a training frame of their sequence."""
        return int(np.sum(self.seconds_apart < self.limit_s))

    @property
    def closest(self) -> float:
        """The smallest distance in frame numbers; infinite when no sequence is in both parts."""
        return float(self.frames_apart.min())

    @property
    def closest_s(self) -> float:
        """The smallest distance in seconds; infinite when no sequence is in both parts."""
        return float(self.seconds_apart.min())

    @property
    def near(self) -> int:
        """Test photographs that were taken where a training image was."""
        return int(self.is_near.sum())

    @property
    def leaks(self) -> bool:
        """Whether results on the part prove less than they seem to."""
        return self.beside > 0 or self.near > 0 or self.same_images > 0

    def sentence(self) -> str:
        """The findings in words."""
        unit = length_unit(self.is_metric)
        oracle = f"nearest training pose (median {self.oracle_m:.3f} {unit}, {self.oracle_deg:.2f} deg)"
        closest = f"{self.closest:.0f} frames, {self.closest_s:.2f} s apart"
        if not self.leaks:
            apart = closest if np.isfinite(self.closest) else "other sequences"
            return f"{self.frames} frames, no leak ({apart}); {oracle}"
        causes = []
        if self.beside:
            near = f"less than {self.limit_s:g} s from a training frame (closest: {closest})"
            causes.append(f"{self.beside} of {self.frames} lie {near}")
        if self.near:
            limits = f"{self.near_m:.2g} {unit} and {np.degrees(NEAR_RAD):.0f} deg"
            causes.append(f"{self.near} of {self.frames} photographs were taken within {limits} of a training image")
        if self.same_images:
            causes.append(f"{self.same_images} images are training images too")
        said = f"{', and '.join(causes)}; only what beats the {oracle} counts"
        if self.same_images:
            return f"LEAK: {said}"
        return f"CLOSE: {said}, and another flight will be worse; a split of kind blocks leaves time between"


def find_leakage(train: Dataset, test: Dataset, limit_s: float = APART_S) -> Leakage:
    """Compare two parts of one data set; raises DatasetError when an image cannot be read."""
    frames_apart, seconds_apart = np.concatenate(
        [_apart(train, sequence) for sequence in test.sequences], axis=1
    )  # (2, N)
    known, truth = train.poses, test.poses
    oracle = pose_errors(known[oracle_nearest(known, truth)], truth)
    near_m = NEAR_SHARE * float(np.linalg.norm(np.ptp(np.vstack([known.positions, truth.positions]), axis=0)))
    is_photograph = np.repeat([s.is_photographs for s in test.sequences], [len(s.frames) for s in test.sequences])
    return Leakage(
        frames_apart,
        seconds_apart,
        limit_s,
        _same_images(train, test),
        float(np.median(oracle.position_m)),
        float(np.median(oracle.orientation_deg)),
        is_photograph & _is_near(known, truth, near_m),
        near_m,
        train.is_metric,
    )


def _is_near(known: Poses, truth: Poses, near_m: float) -> np.ndarray:
    """Mask (N,) of the true poses that one of the known ones is as good as."""
    nearby = cKDTree(known.positions).query_ball_point(truth.positions, near_m)
    return np.array(
        [
            bool(rows) and bool(np.any(angular_distance(known.quats_xyzw[rows], quat[None]) < NEAR_RAD))
            for rows, quat in zip(nearby, truth.quats_xyzw)
        ]
    )


def _apart(train: Dataset, sequence: Sequence) -> np.ndarray:
    """Frame numbers and seconds (2, N) from each test frame of a sequence to the closest training frame of the same."""
    if sequence.is_photographs:
        return np.full((2, len(sequence.frames)), np.inf)
    known = [frame for other in train.sequences if other.name == sequence.name for frame in other.frames]
    numbers = _distances([frame.number for frame in sequence.frames], [frame.number for frame in known])
    stamps = _distances([frame.stamp_ns for frame in sequence.frames], [frame.stamp_ns for frame in known])
    return np.stack([numbers, stamps / 1e9])


def _distances(queries: list[int], known: list[int]) -> np.ndarray:
    """Distance (N,) of each query to the closest of the known, infinite when there is none."""
    if not known:
        return np.full(len(queries), np.inf)
    values, wanted = np.sort(np.array(known, dtype=np.int64)), np.array(queries, dtype=np.int64)
    after = np.clip(np.searchsorted(values, wanted), 0, len(values) - 1)
    before = np.maximum(after - 1, 0)
    return np.minimum(np.abs(values[after] - wanted), np.abs(values[before] - wanted)).astype(float)


def _same_images(train: Dataset, test: Dataset) -> int:
    # only files of one size can be equal, which spares reading most of a large data set
    train_sizes, test_sizes = _sizes(train), _sizes(test)
    shared = set(train_sizes.values()) & set(test_sizes.values())
    known = {_digest(path) for path, size in train_sizes.items() if size in shared}
    return sum(_digest(path) in known for path, size in test_sizes.items() if size in shared)


def _sizes(dataset: Dataset) -> dict[Path, int]:
    try:
        return {frame.image_path: frame.image_path.stat().st_size for frame in dataset.frames}
    except OSError as error:
        raise DatasetError(f"{error.filename}: {error.strerror}; expected an image") from error


def _digest(path: Path) -> bytes:
    return hashlib.blake2b(read_image_file(path), digest_size=16).digest()

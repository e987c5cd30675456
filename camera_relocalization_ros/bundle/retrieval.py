# SPDX-License-Identifier: BSD-3-Clause
"""The training images as a memory: which of them looks most like this one (thesis 3.1.1).

It is the baseline that every regressor must beat, because regression tends to behave like retrieval
(Sattler et al. 2019, "Understanding the limitations of CNN-based absolute camera pose regression").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.array_files import load_arrays, save_arrays
from camera_relocalization_ros.core.pose import Poses, is_pose

# half precision moves a cosine by less than 1e-3 and halves the file; poses keep micrometres
STORED_TYPES = {
    "mean": np.float32,
    "components": np.float16,
    "descriptors": np.float16,
    "positions": np.float32,
    "quats_xyzw": np.float32,
}


@dataclass(frozen=True)
class RetrievalIndex:
    """Training descriptors after a principal-component projection, with the pose of each image.

    mean (D,), components (D, K), descriptors (N, K) of unit length, positions (N, 3), quats_xyzw (N, 4). The positions
    are from `origin` (3,) on, as the network's are; the file does not hold it, the bundle and the run do.
    """

    mean: np.ndarray
    components: np.ndarray
    descriptors: np.ndarray
    positions: np.ndarray
    quats_xyzw: np.ndarray
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @classmethod
    def build(
        cls, descriptors: np.ndarray, poses: Poses, size: int = 128, origin: np.ndarray | None = None
    ) -> RetrievalIndex:
        """Index raw descriptors (N, D) of images with these poses; `size` components are kept, or all there are."""
        origin = np.zeros(3) if origin is None else origin
        descriptors = np.asarray(descriptors, dtype=np.float32)
        mean = descriptors.mean(axis=0)
        _, _, rows = np.linalg.svd(descriptors - mean, full_matrices=False)
        components = np.ascontiguousarray(rows[:size].T)
        projected = _unit((descriptors - mean) @ components)
        return cls(mean, components, projected, poses.positions - origin, poses.quats_xyzw, origin)

    @property
    def poses(self) -> Poses:
        """Those of the training images in the parent frame."""
        return Poses(self.positions, self.quats_xyzw).shifted(self.origin)

    def project(self, descriptors: np.ndarray) -> np.ndarray:
        """Raw descriptors (M, D) as unit vectors (M, K) of the index."""
        return _unit((np.asarray(descriptors) - self.mean) @ self.components)

    def nearest(self, descriptors: np.ndarray) -> np.ndarray:
        """Index (M,) of the most similar training image for raw descriptors (M, D)."""
        nearest: np.ndarray = np.argmax(self.project(descriptors) @ self.descriptors.T, axis=1)
        return nearest

    def k_nearest(self, descriptors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Index (M, count) of the training images nearest to raw descriptors (M, D), and cosine distances to them.

        The nearest comes first; there are fewer than `count` when fewer were trained on.
        """
        distances = 1.0 - self.project(descriptors) @ self.descriptors.T
        rows = np.empty((len(distances), min(count, len(self.descriptors))), dtype=np.int64)
        for into, of_one in zip(rows, distances):
            into[:] = _least(of_one, len(into))
        return rows, np.take_along_axis(distances, rows, axis=1)


def _least(values: np.ndarray, count: int) -> np.ndarray:
    """Indices (count,) of the least values (n,), in the order of a stable sort, which takes far longer."""
    possible = np.flatnonzero(values <= np.partition(values, count - 1)[count - 1])
    least: np.ndarray = possible[np.argsort(values[possible], kind="stable")[:count]]
    return least


def _unit(vectors: np.ndarray) -> np.ndarray:
    units: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return units


def save_index(path: Path, index: RetrievalIndex) -> None:
    """Write the arrays of an index as a compressed .npz file."""
    save_arrays(path, {name: getattr(index, name).astype(kind) for name, kind in STORED_TYPES.items()})


def load_index(path: Path) -> RetrievalIndex:
    """The inverse of `save_index`, in float32; raises ValueError on anything else."""
    index = RetrievalIndex(
        **{name: array.astype(np.float32) for name, array in load_arrays(path, STORED_TYPES).items()}
    )
    size, kept = index.components.shape if index.components.ndim == 2 else (0, 0)
    rows = len(index.positions)
    expected = {
        "mean": (size,),
        "components": (size, kept),
        "descriptors": (rows, kept),
        "positions": (rows, 3),
        "quats_xyzw": (rows, 4),
    }
    found = {name: getattr(index, name).shape for name in STORED_TYPES}
    if not rows or found != expected:
        raise ValueError(f"not an index: shapes {found}")
    if not (np.isfinite(index.mean).all() and is_pose(index.positions, index.quats_xyzw).all()):
        raise ValueError("not an index: numbers that are not finite, or no poses")
    return index

# SPDX-License-Identifier: BSD-3-Clause
"""Numbers as bytes that a compressed file holds in less: those of one weight together, of lists the differences.

Deflate finds bytes that repeat. Of numbers that differ little the high bytes do, once the low ones do not lie between.
"""

from __future__ import annotations

import numpy as np

BYTES = 4


def packed(numbers: np.ndarray) -> np.ndarray:
    """Bytes (4, n) uint8 of whole numbers (n,), modulo 2**32: all lowest ones first."""
    wrapped = (np.asarray(numbers, dtype=np.int64) & 0xFFFFFFFF).astype("<u4")
    return np.ascontiguousarray(wrapped.view(np.uint8).reshape(-1, BYTES).T)


def unpacked(planes: np.ndarray) -> np.ndarray:
    """Whole numbers (n,) uint32; raises ValueError where `planes` are not (4, n) bytes."""
    if planes.dtype != np.uint8 or planes.ndim != 2 or len(planes) != BYTES:
        raise ValueError(f"{planes.dtype} {planes.shape} instead of bytes of numbers")
    numbers: np.ndarray = np.ascontiguousarray(planes.T).view("<u4").ravel()
    return numbers


def packed_steps(numbers: np.ndarray) -> np.ndarray:
    """Bytes (4, n) of the differences of whole numbers (n,) that 32 bits hold: of sorted ones most are small."""
    return packed(np.diff(np.asarray(numbers, dtype=np.int64), prepend=0))


def unpacked_steps(planes: np.ndarray) -> np.ndarray:
    """The inverse of `packed_steps`, (n,) int32; raises as `unpacked`."""
    numbers: np.ndarray = np.cumsum(unpacked(planes), dtype=np.uint32).view(np.int32)
    return numbers


def packed_points(points: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) as multiples of a step: grid (4,), the lowest corner and the step, and bytes (4, 3 n).

    The step is a larger one where 32 bits would not reach from one end to the other. The corner is a multiple of it,
    too, so that points that were packed before stay where they are.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) and np.isfinite(points).all():
        step = max(step, float(np.ptp(points, axis=0).max()) / 2**31)
    multiples = np.rint(points / step)
    lowest = multiples.min(axis=0) if len(points) else np.zeros(3)
    # of what is not finite the corner says it
    return np.array([*(lowest * step), step]), packed(np.nan_to_num(multiples - lowest).T.ravel())


def unpacked_points(grid: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """The inverse of `packed_points`, (n, 3); raises ValueError where the shapes are others."""
    if grid.shape != (4,):
        raise ValueError(f"a grid {grid.shape} instead of (4,)")
    points: np.ndarray = grid[:3] + grid[3] * unpacked(planes).reshape(3, -1).T
    return points

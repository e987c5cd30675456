# SPDX-License-Identifier: BSD-3-Clause
"""Synthetic out-of-distribution images: anything but the scene; a calibrated bundle must call them DEGRADED or LOST."""

from __future__ import annotations

from typing import Iterable, Iterator

import cv2
import numpy as np

TILES = 8


def out_of_distribution_images(
    width: int, height: int, scene: Iterable[np.ndarray], count: int = 30, seed: int = 0
) -> Iterator[tuple[str, np.ndarray]]:
    """Kind and image (height, width, 3) uint8 of what a camera sees when it does not see the scene.

    `count` of each kind; "scrambled" are images (H, W, 3) of the scene cut into tiles and put together wrongly, one for
    each that is given.
    """
    rng = np.random.default_rng(seed)
    makers = {
        "noise": _noise,
        "dark": _dark,
        "one colour": _colour,
        "wall": _wall,
        "stripes": _stripes,
        "cloud": _cloud,
    }
    for kind, make in makers.items():
        for _ in range(count):
            yield kind, make(rng, width, height)
    for image_rgb in scene:
        yield "scrambled", _scrambled(rng, cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA))


def to_aspect(image_rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """The middle of an image (H, W, 3), as large as fits, in the aspect ratio of width x height."""
    rows, cols = image_rgb.shape[:2]
    kept_cols, kept_rows = min(cols, round(rows * width / height)), min(rows, round(cols * height / width))
    top, left = (rows - kept_rows) // 2, (cols - kept_cols) // 2
    return image_rgb[top : top + kept_rows, left : left + kept_cols]


def _noise(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def _dark(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A lens cap: black, and a sensor's noise."""
    return _pixels(rng.normal(0.0, rng.uniform(0.0, 6.0), (height, width, 3)))


def _colour(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    return np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (height, width, 3)).copy()


def _wall(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """One colour, uneven light, a little noise."""
    light = _smooth(rng, width, height, 6)[..., None] * rng.uniform(2.0, 20.0)
    return _pixels(rng.uniform(30.0, 230.0, 3) + light + rng.normal(0.0, 2.0, (height, width, 1)))


def _stripes(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A blind or a fence, at any angle."""
    angle, periods = rng.uniform(0.0, np.pi), rng.uniform(4.0, 40.0)
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / width)
    share = 0.5 + 0.5 * np.sin(2.0 * np.pi * periods * (x * np.cos(angle) + y * np.sin(angle)))[..., None]
    one, other = rng.uniform(0.0, 255.0, (2, 3))
    return _pixels(share * one + (1.0 - share) * other)


def _cloud(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Smooth colours at all sizes, as foliage, carpets and skies have."""
    layers = sum(
        np.stack([_smooth(rng, width, height, cells) for _ in range(3)], axis=2) * (128.0 / cells**0.5)
        for cells in (2, 4, 8, 16, 32)
    )
    return _pixels(128.0 + layers)


def _scrambled(rng: np.random.Generator, image_rgb: np.ndarray) -> np.ndarray:
    rows, cols = image_rgb.shape[0] // TILES, image_rgb.shape[1] // TILES
    out = image_rgb.copy()
    for place, source in enumerate(rng.permutation(TILES * TILES)):
        (y, x), (from_y, from_x) = divmod(place, TILES), divmod(int(source), TILES)
        out[y * rows : (y + 1) * rows, x * cols : (x + 1) * cols] = image_rgb[
            from_y * rows : (from_y + 1) * rows, from_x * cols : (from_x + 1) * cols
        ]
    return out


def _smooth(rng: np.random.Generator, width: int, height: int, cells: int) -> np.ndarray:
    small = rng.normal(size=(max(cells * height // width, 2), cells)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)

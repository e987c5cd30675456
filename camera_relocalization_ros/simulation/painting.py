# SPDX-License-Identifier: BSD-3-Clause
"""Procedural textures: noise, bricks, posters, panel lines, rivets, lettering. Images are (H, W, 3) uint8 RGB."""

from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_DUPLEX
# rows of a texture
STRIP = 64
Colour = Tuple[int, ...]


def noise(rng: np.random.Generator, height: int, width: int, coarsest: int = 4, octaves: int = 6) -> np.ndarray:
    """Cloudy values (height, width) float32 around 0 with a spread near 1."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = coarsest * 2**octave
        small = rng.normal(0, 0.6**octave, (cells, max(cells * width // height, 1))).astype(np.float32)
        total += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def plaster(rng: np.random.Generator, height: int, width: int, colour: Colour, contrast: float) -> np.ndarray:
    """A painted surface with stains."""
    stains, image = contrast * noise(rng, height, width), np.empty((height, width, 3), np.uint8)
    # a strip at a time stays in the processor's cache: whole walls took three times as long
    drawn, grain = np.empty((STRIP, width, 3)), np.empty((STRIP, width, 3), np.float32)
    for top in range(0, height, STRIP):
        strip = stains[top : top + STRIP]
        rows = len(strip)
        rng.standard_normal(out=drawn[:rows])
        np.multiply(drawn[:rows], contrast / 3, out=grain[:rows], casting="same_kind")
        grain[:rows] += cv2.merge([strip + np.float32(level) for level in colour])
        image[top : top + rows] = np.clip(grain[:rows], 0, 255, out=grain[:rows])
    return image


def bricks(rng: np.random.Generator, image: np.ndarray, size: tuple[int, int], strength: float = 25.0) -> None:
    """Lay brick courses of size (width, height) pixels over a surface, each brick a little different."""
    width, height = size
    for row, top in enumerate(range(0, image.shape[0], height)):
        for left in range(-width // 2 * (row % 2), image.shape[1], width):
            patch = image[top + 1 : top + height - 1, max(left + 1, 0) : left + width - 1]
            patch[:] = np.clip(patch.astype(np.int16) + int(rng.normal(0, strength)), 0, 255)
            cv2.rectangle(image, (left, top), (left + width, top + height), (90, 85, 80), 1)


def panels(rng: np.random.Generator, image: np.ndarray, step: int, line: Colour) -> None:
    """Divide a surface into unequal panels with dark joints and rivets along them."""
    height, width = image.shape[:2]
    for x in np.arange(step, width, step) + rng.integers(-step // 5, step // 5 + 1, len(range(step, width, step))):
        cv2.line(image, (int(x), 0), (int(x), height), line, 2)
        for y in range(6, height, 14):
            cv2.circle(image, (int(x) - 6, y), 1, line, -1)
    for y in range(step, height, step):
        cv2.line(image, (0, y), (width, y), line, 1)
        for x in range(6, width, 14):
            cv2.circle(image, (x, y - 5), 1, line, -1)


def dirt(rng: np.random.Generator, image: np.ndarray, strength: float = 22.0) -> np.ndarray:
    """Stains and streaks along the surface's length."""
    height, width = image.shape[:2]
    streaks = cv2.resize(rng.normal(0, 1, (height // 8, 12)).astype(np.float32), (width, height))
    stains, dirty = noise(rng, height, width, 3), np.empty_like(image)
    for top in range(0, height, STRIP):  # as in `plaster`
        rows = slice(top, top + STRIP)
        worn = image[rows].astype(np.float32) - strength * np.abs(stains[rows])[..., None]
        dirty[rows] = np.clip(worn - 0.5 * strength * np.maximum(streaks[rows], 0)[..., None], 0, 255)
    return dirty


def lettering(
    image: np.ndarray, text: str, centre: tuple[int, int], scale: float, colour: Colour, mirrored: bool = False
) -> None:
    """Write text around a centre; mirrored in u where the surface is seen from its other side."""
    thickness = max(int(2 * scale), 1)
    (width, height), base = cv2.getTextSize(text, FONT, scale, thickness)
    mask = np.zeros((height + base + 4, width + 4), np.uint8)
    cv2.putText(mask, text, (2, height + 2), FONT, scale, 255, thickness, cv2.LINE_AA)
    if mirrored:
        mask = mask[:, ::-1]
    left, top = centre[0] - mask.shape[1] // 2, centre[1] - mask.shape[0] // 2
    region = image[max(top, 0) : top + mask.shape[0], max(left, 0) : left + mask.shape[1]]
    share = mask[: region.shape[0], : region.shape[1], None] / 255.0
    region[:] = (region * (1 - share) + np.array(colour) * share).astype(np.uint8)


def poster(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A print with random shapes and words, as they hang in laboratories."""
    image = np.full((height, width, 3), rng.integers(120, 256, 3), np.uint8)
    for _ in range(rng.integers(6, 14)):
        colour = tuple(int(v) for v in rng.integers(20, 220, 3))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.integers(height // 12, height // 3))
        if rng.random() < 0.5:
            cv2.circle(image, (x, y), size // 2, colour, -1)
        else:
            cv2.rectangle(image, (x, y), (x + size, y + size // 2), colour, -1)
    for line in range(3):
        word = "".join(chr(65 + int(c)) for c in rng.integers(0, 26, rng.integers(4, 9)))
        place = (width // 2, height * (line + 1) // 4)
        lettering(image, word, place, height / 260, tuple(int(v) for v in rng.integers(0, 120, 3)))
    cv2.rectangle(image, (0, 0), (width - 1, height - 1), (30, 30, 30), max(height // 60, 1))
    return image

# SPDX-License-Identifier: BSD-3-Clause
"""A hangar that repeats itself: one bay like the next, one floor slab like the other; people and carts in between."""

from __future__ import annotations

import cv2
import numpy as np

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.halls.hall import Hall
from camera_relocalization_ros.simulation.halls.rooms import ceiling, floor, walls
from camera_relocalization_ros.simulation.halls.visitors import visitors
from camera_relocalization_ros.simulation.surface import Lamp, Light, Part, box

LOW, HIGH = (-9.0, -10.0, 0.0), (11.0, 10.0, 8.0)
# of a bay of the walls and a slab of the floor
BAY_M, BAY_PIXELS, SLAB_M, SLAB_PIXELS = 2.5, 256, 2.0, 240


def hangar() -> Hall:
    """The hangar with four people and five carts."""
    return Hall(_fixed, _light, lambda rng: visitors(rng, people=4, carts=5, ring_m=3.5))


def _fixed(seed: int) -> list[Part]:
    rng = np.random.default_rng([seed, 29])
    colour = tuple(int(v) for v in np.array((150, 160, 168)) + rng.integers(-25, 25) + rng.integers(-6, 6, 3))

    def paint(_number: int, length_m: float, height_m: float) -> np.ndarray:
        bay = _bay(colour, int(height_m / BAY_M * BAY_PIXELS))
        return np.tile(bay, (1, round(length_m / BAY_M), 1))

    counts = [round((high - low) / SLAB_M) for low, high in zip(LOW, HIGH)]
    slabs = np.tile(_slab(rng), (counts[1], counts[0], 1))
    parts = [*walls(LOW, HIGH, paint), floor(LOW, HIGH, slabs), ceiling(LOW, HIGH, _roof())]
    steel = np.full((64, 32, 3), (196, 150, 40), np.uint8)
    steel[::16] = 40
    for x in (LOW[0] + 0.4, HIGH[0] - 0.4):
        for y in np.arange(LOW[1] + BAY_M, HIGH[1], BAY_M):
            parts += box((x, y, 4.0), (0.3, 0.3, 8.0), [steel] * 4, steel)
    return parts


def _light(rng: np.random.Generator) -> Light:
    """Six lamps below the roof; one of them may be dead."""
    places = [(x, y, 7.4) for x in (-3.0, 5.0) for y in (-6.0, 0.0, 6.0)]
    strength = rng.uniform(0.2, 0.55, len(places)) * (rng.random(len(places)) > 0.15)
    return Light(tuple(Lamp(np.array(at), s * np.array([1.0, 0.98, 0.92])) for at, s in zip(places, strength)))


def _bay(colour: tuple[int, ...], height: int) -> np.ndarray:
    """One bay of a wall: corrugated sheet, a beam, a number plate that is the same everywhere."""
    ribs = 12 * np.sign(np.sin(np.arange(BAY_PIXELS) * 2 * np.pi / 16))
    image = np.clip(np.array(colour)[None] + ribs[:, None], 0, 255).astype(np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(image, (height, BAY_PIXELS, 3)))
    cv2.rectangle(image, (0, 0), (14, height), (90, 94, 100), -1)
    cv2.rectangle(image, (0, height - 120), (BAY_PIXELS, height - 108), (90, 94, 100), -1)
    cv2.rectangle(image, (0, height - 60), (BAY_PIXELS, height), (112, 60, 52), -1)
    cv2.rectangle(image, (90, height - 240), (190, height - 170), (30, 90, 50), -1)
    painting.lettering(image, "EXIT", (140, height - 205), 0.9, (240, 240, 240))
    cv2.rectangle(image, (60, height // 4), (210, height // 4 + 60), (226, 232, 238), -1)  # a window
    return image


def _slab(rng: np.random.Generator) -> np.ndarray:
    image = painting.plaster(rng, SLAB_PIXELS, SLAB_PIXELS, (128, 130, 128), 3.0)
    cv2.rectangle(image, (0, 0), (SLAB_PIXELS, SLAB_PIXELS), (84, 86, 86), 3)
    cv2.circle(image, (SLAB_PIXELS // 2, SLAB_PIXELS // 2), 9, (60, 60, 62), -1)  # a tie-down ring
    cv2.line(image, (0, 40), (SLAB_PIXELS, 40), (200, 170, 40), 6)
    return image


def _roof() -> np.ndarray:
    bay = np.full((128, 128, 3), (120, 124, 130), np.uint8)
    cv2.line(bay, (0, 0), (128, 128), (70, 72, 78), 4)
    cv2.line(bay, (0, 128), (128, 0), (70, 72, 78), 4)
    cv2.rectangle(bay, (0, 0), (128, 8), (60, 62, 68), -1)
    cv2.rectangle(bay, (46, 50), (82, 62), (250, 250, 244), -1)
    return np.tile(bay, (8, 8, 1))

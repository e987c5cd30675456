# SPDX-License-Identifier: BSD-3-Clause
"""A plain office: bare walls, carpet, a window front, a few desks; little there that a feature could be found on."""

from __future__ import annotations

import cv2
import numpy as np

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.arena_layout import ROOM_MAX, ROOM_MIN
from camera_relocalization_ros.simulation.halls.hall import Hall
from camera_relocalization_ros.simulation.halls.rooms import ceiling, floor, walls
from camera_relocalization_ros.simulation.halls.visitors import visitors
from camera_relocalization_ros.simulation.surface import Lamp, Light, Part, box

PIXELS_PER_METRE = 90
DOOR, FRAME, GLASS = (150, 120, 86), (96, 96, 98), (222, 230, 238)


def office() -> Hall:
    """The plain office; two people in it."""
    return Hall(_fixed, _light, lambda rng: visitors(rng, people=2, carts=0, ring_m=0.3))


def _fixed(seed: int) -> list[Part]:
    rng = np.random.default_rng([seed, 23])
    colour = tuple(int(v) for v in np.array((214, 212, 204)) + rng.integers(-14, 8, 3))

    def paint(number: int, length_m: float, height_m: float) -> np.ndarray:
        return _wall(rng, number, (int(length_m * PIXELS_PER_METRE), int(height_m * PIXELS_PER_METRE)), colour)

    return [
        *walls(ROOM_MIN, ROOM_MAX, paint),
        floor(ROOM_MIN, ROOM_MAX, painting.plaster(rng, 900, 900, (104, 108, 114), 3.0)),
        ceiling(ROOM_MIN, ROOM_MAX, _panels()),
        *_desks(rng),
    ]


def _light(rng: np.random.Generator) -> Light:
    """Daylight from the window front, and two rows of lamps."""
    day = rng.uniform(0.2, 0.5) * np.array([0.96, 1.0, 1.06])
    window = Lamp(np.array([0.5 * (ROOM_MIN[0] + ROOM_MAX[0]), ROOM_MIN[1] + 0.3, 2.2]), day)
    rows = [Lamp(np.array([x, 0.5, 4.7]), np.full(3, rng.uniform(0.12, 0.3))) for x in (-1.5, 3.5)]
    return Light((window, *rows), ambient=0.45)


def _wall(rng: np.random.Generator, number: int, size: tuple[int, int], colour: tuple[int, ...]) -> np.ndarray:
    width, height = size
    image = painting.plaster(rng, height, width, colour, 1.5)
    cv2.rectangle(image, (0, height - 9), (width, height), FRAME, -1)  # skirting board
    if number == 0:
        for left in range(60, width - 190, 200):
            cv2.rectangle(image, (left, height - 300), (left + 170, height - 90), GLASS, -1)
            cv2.rectangle(image, (left, height - 300), (left + 170, height - 90), FRAME, 5)
    elif number == 2:
        left = int(rng.integers(100, width - 200))
        cv2.rectangle(image, (left, height - 190), (left + 84, height), DOOR, -1)
        cv2.rectangle(image, (left, height - 190), (left + 84, height), FRAME, 4)
    else:
        left = int(rng.integers(100, width - 400))
        cv2.rectangle(image, (left, height - 210), (left + 260, height - 90), (240, 240, 240), -1)  # a whiteboard
        cv2.rectangle(image, (left, height - 210), (left + 260, height - 90), (160, 160, 164), 4)
    return image


def _panels() -> np.ndarray:
    image = np.full((1000, 900, 3), (206, 206, 204), np.uint8)
    for row in range(0, 1000, 50):
        cv2.line(image, (0, row), (900, row), (176, 176, 174), 1)
    for column in range(0, 900, 50):
        cv2.line(image, (column, 0), (column, 1000), (176, 176, 174), 1)
    for row in range(100, 1000, 250):
        for column in (200, 600):
            cv2.rectangle(image, (column, row), (column + 100, row + 50), (252, 252, 248), -1)
    return image


def _desks(rng: np.random.Generator) -> list[Part]:
    """Desks with a dark screen each, along the walls of low and high x."""
    parts = []
    for x in (ROOM_MIN[0] + 0.45, ROOM_MAX[0] - 0.45):
        for y in (-3.2, 0.6, 4.2):
            at = y + rng.uniform(-0.5, 0.5)
            wood = painting.plaster(rng, 64, 64, (186, 160, 128), 4.0)
            grey = np.full((32, 32, 3), (70, 72, 76), np.uint8)
            parts += box((x, at, 0.37), (0.75, 1.5, 0.74), [wood] * 4, wood)
            parts += box((x, at, 0.98), (0.06, 0.58, 0.36), [grey] * 4, grey)
    return parts

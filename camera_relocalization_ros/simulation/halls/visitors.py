# SPDX-License-Identifier: BSD-3-Clause
"""People and carts, elsewhere in every flight and never where the aircraft flies."""

from __future__ import annotations

from typing import Sequence

import cv2
import numpy as np
import pyvista

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.arena_layout import FLIGHT_MAX, FLIGHT_MIN
from camera_relocalization_ros.simulation.surface import Part, box, solid

# from where the aircraft flies at most
KEPT_FREE_M = 0.75
SKIN = ((224, 182, 150), (150, 100, 72), (92, 62, 46))


def visitors(rng: np.random.Generator, people: int, carts: int, ring_m: float) -> list[Part]:
    """People and carts in a ring of that width around the flown volume."""
    parts = []
    for _ in range(people):
        parts += person(rng, _place(rng, ring_m))
    for _ in range(carts):
        parts += cart(rng, _place(rng, ring_m))
    return parts


def person(rng: np.random.Generator, place: tuple[float, float]) -> list[Part]:
    """Somebody in working clothes who stands at a place, arms down."""
    height, turn = rng.uniform(1.6, 1.9), rng.uniform(0, 2 * np.pi)
    sideways = 0.1 * np.array([np.cos(turn), np.sin(turn), 0.0])
    clothes, trousers = (painting.plaster(rng, 64, 64, _clothes(rng), 8.0) for _ in range(2))
    if rng.random() < 0.4:  # a vest with bands
        clothes[:] = (224, 120, 30)
        clothes[20:28] = clothes[40:48] = (225, 225, 190)
    skin = np.full((8, 8, 3), SKIN[rng.integers(len(SKIN))], np.uint8)
    at = np.array([*place, 0.0])
    legs = [solid(_rod(at + s * sideways + [0, 0, 0.24 * height], 0.48 * height, 0.075), trousers) for s in (-1, 1)]
    shoulders = [at + 2.3 * s * sideways + [0, 0, 0.62 * height] for s in (-1, 1)]
    arms = [solid(_rod(shoulder, 0.4 * height, 0.045), clothes) for shoulder in shoulders]
    torso = solid(_rod(at + [0, 0, 0.64 * height], 0.36 * height, 0.17), clothes)
    ball = pyvista.Sphere(radius=0.115, center=(*place, 0.92 * height), theta_resolution=16, phi_resolution=16)
    head = solid(ball, skin)
    return [*legs, *arms, torso, head]


def cart(rng: np.random.Generator, place: tuple[float, float]) -> list[Part]:
    """A tool cart or a crate on wheels."""
    length, width, height = rng.uniform(0.6, 1.3), rng.uniform(0.4, 0.7), rng.uniform(0.5, 1.1)
    colour = tuple(int(v) for v in np.clip(rng.integers(60, 170) + rng.normal(0, 40, 3), 20, 230))
    side = painting.plaster(rng, 128, 160, colour, 8.0)
    for row in range(16, 128, 26):  # drawers
        cv2.rectangle(side, (8, row), (152, row + 22), tuple(int(0.6 * v) for v in colour), 2)
        cv2.line(side, (60, row + 6), (100, row + 6), (210, 210, 210), 2)
    lid = painting.plaster(rng, 64, 64, (70, 72, 74), 8.0)
    tyre, turn = np.full((8, 8, 3), 30, np.uint8), rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(turn), np.sin(turn), 0.0])
    across = np.array([-along[1], along[0], 0.0])
    centre = np.array([*place, 0.0])
    body = box((*place, 0.14 + height / 2), (length, width, height), [side] * 4, lid, turn)
    corners = [a * 0.4 * length * along + b * 0.4 * width * across for a in (-1, 1) for b in (-1, 1)]
    return body + [solid(_rod(centre + offset + [0, 0, 0.07], 0.04, 0.07, across), tyre) for offset in corners]


def _rod(
    centre: np.ndarray, length_m: float, radius_m: float, direction: Sequence[float] | np.ndarray = (0.0, 0.0, 1.0)
) -> pyvista.PolyData:
    return pyvista.Cylinder(center=centre, direction=direction, radius=radius_m, height=length_m, resolution=16)


def _clothes(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(v) for v in np.clip(rng.integers(30, 170) + rng.normal(0, 30, 3), 15, 220))


def _place(rng: np.random.Generator, ring_m: float) -> tuple[float, float]:
    """Anywhere in the ring, by area."""
    low, high = np.array(FLIGHT_MIN) - KEPT_FREE_M, np.array(FLIGHT_MAX) + KEPT_FREE_M
    while True:
        place = rng.uniform(low - ring_m, high + ring_m)
        if ((place < low) | (place > high)).any():
            return float(place[0]), float(place[1])

# SPDX-License-Identifier: BSD-3-Clause
"""The hall around the airframe: walls, floor, ceiling and clutter that stay where they are, as meshes in map."""

from __future__ import annotations

import cv2
import numpy as np
import pyvista

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.arena_layout import CLUTTER_DEPTH, ROOM_MAX, ROOM_MIN
from camera_relocalization_ros.simulation.surface import Lamp, Light, Part, box, quad_surface, solid

PIXELS_PER_METRE = 180
ROOM_CENTRE = 0.5 * (np.array(ROOM_MIN) + np.array(ROOM_MAX))
WALL_COLOURS = ((196, 188, 170), (172, 184, 190), (190, 176, 160), (178, 186, 172))


def build_arena(seed: int) -> list[Part]:
    """The whole room; another seed is another hall with the same walls' places."""
    rng = np.random.default_rng([seed, 11])
    return [*_walls(rng), _floor(rng), _ceiling(rng), *_clutter(rng)]


def arena_light(rng: np.random.Generator) -> Light:
    """Four lamps below the ceiling, of unequal strength and colour."""
    low, high = np.array(ROOM_MIN[:2]), np.array(ROOM_MAX[:2])
    lamps = []
    for corner in range(4):
        share = np.array([0.25 + 0.5 * (corner % 2), 0.25 + 0.5 * (corner // 2)]) + rng.uniform(-0.15, 0.15, 2)
        warmth = rng.uniform(-0.1, 0.1)
        colour = rng.uniform(0.14, 0.42) * np.array([1.0 + warmth, 1.0, 1.0 - warmth])
        lamps.append(Lamp(np.array([*(low + share * (high - low)), 4.8]), colour))
    return Light(tuple(lamps))


def _walls(rng: np.random.Generator) -> list[Part]:
    (x0, y0, z0), (x1, y1, z1) = ROOM_MIN, ROOM_MAX
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    parts = []
    for number in range(4):
        (xa, ya), (xb, yb) = corners[number], corners[(number + 1) % 4]
        length = np.hypot(xb - xa, yb - ya)
        # seen from inside, the wall runs from b on the left to a on the right
        quad = np.array([[xb, yb, z0], [xa, ya, z0], [xa, ya, z1], [xb, yb, z1]])
        outside = 2 * quad.mean(axis=0) - ROOM_CENTRE
        parts.append(Part(quad_surface(quad, outside), _wall_texture(rng, length, z1 - z0, number)))
    return parts


def _wall_texture(rng: np.random.Generator, length_m: float, height_m: float, number: int) -> np.ndarray:
    width, height = int(length_m * PIXELS_PER_METRE), int(height_m * PIXELS_PER_METRE)
    colour = np.clip(np.array(WALL_COLOURS[number]) + rng.integers(-30, 10) + rng.integers(-8, 8, 3), 0, 255)
    image = painting.plaster(rng, height, width, tuple(colour), 9.0)
    if number % 2:
        painting.bricks(rng, image, (44, 18), 12.0)
    else:
        painting.panels(rng, image, 220, (110, 108, 104))
    stripe = tuple(int(v) for v in rng.integers(40, 200, 3))
    cv2.rectangle(image, (0, height - 190), (width, height - 178), stripe, -1)
    for _ in range(9):
        poster_height = int(rng.integers(90, 230))
        poster_width = int(poster_height * rng.uniform(0.6, 1.6))
        left = int(rng.integers(10, width - poster_width - 10))
        top = int(rng.integers(60, height - poster_height - 200))
        image[top : top + poster_height, left : left + poster_width] = painting.poster(rng, poster_height, poster_width)
    for _ in range(3):  # cable ducts and pipes
        row = int(rng.integers(20, height // 3))
        cv2.line(image, (0, row), (width, row + int(rng.integers(-10, 10))), (70, 70, 74), int(rng.integers(3, 9)))
    if number == 0:  # a window front
        for left in range(200, width - 300, 420):
            cv2.rectangle(image, (left, 120), (left + 300, 420), (225, 232, 238), -1)
            cv2.rectangle(image, (left, 120), (left + 300, 420), (80, 80, 84), 8)
            cv2.line(image, (left + 150, 120), (left + 150, 420), (80, 80, 84), 6)
    return image


def _floor(rng: np.random.Generator) -> Part:
    (x0, y0, z0), (x1, y1, _) = ROOM_MIN, ROOM_MAX
    width, height = int((x1 - x0) * PIXELS_PER_METRE), int((y1 - y0) * PIXELS_PER_METRE)
    image = painting.plaster(rng, height, width, (120, 122, 124), 10.0)
    for top in range(0, height, 180):  # foam mats
        for left in range(0, width, 180):
            shade = int(rng.normal(0, 10))
            mat = image[top + 2 : top + 178, left + 2 : left + 178].astype(np.int16) + shade
            image[top + 2 : top + 178, left + 2 : left + 178] = np.clip(mat, 0, 255)
            cv2.rectangle(image, (left, top), (left + 180, top + 180), (80, 82, 84), 2)
    for _ in range(10):  # tape marks and stains
        a, b = rng.integers(0, width, 2), rng.integers(0, height, 2)
        colour = tuple(int(v) for v in rng.integers(30, 255, 3))
        cv2.line(
            image, (int(a[0]), int(b[0])), (int(a[0]) + int(rng.integers(-300, 300)), int(b[1]) % height), colour, 8
        )
    for _ in range(25):
        place = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(image, place, int(rng.integers(4, 30)), (90, 90, 92), -1)
    quad = np.array([[x0, y0, z0], [x1, y0, z0], [x1, y1, z0], [x0, y1, z0]])
    return Part(quad_surface(quad, 2 * quad.mean(axis=0) - ROOM_CENTRE), image)


def _ceiling(rng: np.random.Generator) -> Part:
    (x0, y0, _), (x1, y1, z1) = ROOM_MIN, ROOM_MAX
    image = painting.plaster(rng, 900, 800, (150, 150, 150), 8.0)
    for row in range(60, 900, 140):
        cv2.rectangle(image, (0, row), (800, row + 14), (80, 80, 84), -1)
        for column in range(80, 760, 200):
            cv2.rectangle(image, (column, row + 40), (column + 110, row + 66), (250, 250, 244), -1)
    quad = np.array([[x0, y1, z1], [x1, y1, z1], [x1, y0, z1], [x0, y0, z1]])
    return Part(quad_surface(quad, 2 * quad.mean(axis=0) - ROOM_CENTRE), image)


def _clutter(rng: np.random.Generator) -> list[Part]:
    """Boxes, cupboards, barrels and tripods along the walls, deeper than no aircraft flies."""
    (x0, y0, _), (x1, y1, _) = ROOM_MIN, ROOM_MAX
    parts = []
    for number in range(34):
        width, depth, height = rng.uniform(0.3, 1.0), rng.uniform(0.25, 0.6), rng.uniform(0.3, 2.1)
        along, inwards = rng.uniform(0.06, 0.94), rng.uniform(depth / 2, CLUTTER_DEPTH - depth / 2)
        if number % 2:
            centre = (x0 + along * (x1 - x0), y0 + inwards if number % 4 == 1 else y1 - inwards)
            size = (width, depth)
        else:
            centre = (x0 + inwards if number % 4 == 0 else x1 - inwards, y0 + along * (y1 - y0))
            size = (depth, width)
        parts += _barrel(rng, centre, height) if number % 5 == 4 else _cupboard(rng, centre, size, height)
    return parts


def _cupboard(
    rng: np.random.Generator, centre: tuple[float, float], size: tuple[float, float], height: float
) -> list[Part]:
    colour = _furniture_colour(rng)
    sides = [_box_texture(rng, colour) for _ in range(4)]
    return box((*centre, height / 2), (*size, height), sides, painting.plaster(rng, 64, 64, colour, 12.0))


def _box_texture(rng: np.random.Generator, colour: tuple[int, ...]) -> np.ndarray:
    image = painting.plaster(rng, 192, 160, colour, 12.0)
    for row in np.sort(rng.integers(10, 180, rng.integers(1, 5))):
        cv2.line(image, (0, int(row)), (160, int(row)), (30, 30, 30), 2)
        cv2.circle(image, (int(rng.integers(20, 140)), int(row) - 8), 4, (230, 230, 220), -1)
    label = painting.poster(rng, 48, 60)
    left, top = int(rng.integers(5, 90)), int(rng.integers(5, 130))
    image[top : top + 48, left : left + 60] = label
    return image


def _barrel(rng: np.random.Generator, centre: tuple[float, float], height: float) -> list[Part]:
    mesh = pyvista.Cylinder(
        center=(*centre, height / 2), direction=(0, 0, 1), radius=rng.uniform(0.12, 0.28), height=height, resolution=24
    )
    image = painting.plaster(rng, 128, 256, _furniture_colour(rng), 12.0)
    painting.bricks(rng, image, (64, 32), 30.0)
    return [solid(mesh, image)]


def _furniture_colour(rng: np.random.Generator) -> tuple[int, ...]:
    """Greys, browns and a few faded colours."""
    grey = rng.integers(60, 190)
    return tuple(int(v) for v in np.clip(grey + rng.normal(0, 28, 3), 20, 230))

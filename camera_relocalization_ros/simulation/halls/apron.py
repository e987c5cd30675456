# SPDX-License-Identifier: BSD-3-Clause
"""An apron in the open: concrete slabs, paint and oil, a sun whose shadows lie otherwise each flight, sheds far off."""

from __future__ import annotations

import cv2
import numpy as np

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.halls.hall import Hall
from camera_relocalization_ros.simulation.halls.rooms import ceiling, floor, walls
from camera_relocalization_ros.simulation.halls.visitors import visitors
from camera_relocalization_ros.simulation.surface import Light, Part, Sun, box

LOW, HIGH, PIXELS_PER_METRE = (-9.0, -9.0, 0.0), (11.0, 11.0, 0.0), 110
FAR_LOW, FAR_HIGH = (-70.0, -70.0, -0.02), (70.0, 70.0, 40.0)
SLAB_M = 4.0


def apron() -> Hall:
    """The apron with three people and four carts."""
    return Hall(_fixed, _light, lambda rng: visitors(rng, people=3, carts=4, ring_m=3.0), reach_m=130.0)


def _fixed(seed: int) -> list[Part]:
    rng = np.random.default_rng([seed, 31])
    grass = painting.plaster(rng, 1024, 1024, (96, 112, 66), 12.0)
    return [
        floor(LOW, HIGH, _concrete(rng), is_ground=True),
        floor(FAR_LOW, FAR_HIGH, grass),
        *_sky(rng),
        *_sheds(rng),
    ]


def _light(rng: np.random.Generator) -> Light:
    """Sky light from everywhere, and a sun 25 to 65 degrees high."""
    azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(25, 65))
    towards = np.array([np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)])
    strength = rng.uniform(0.35, 0.6)
    return Light((), ambient=0.42, sun=Sun(towards, strength * np.array([1.0, 0.97, 0.9])))


def _concrete(rng: np.random.Generator) -> np.ndarray:
    """Slabs of unlike shades, joints, a yellow taxi line, oil and repairs."""
    width, height = (int((HIGH[axis] - LOW[axis]) * PIXELS_PER_METRE) for axis in (0, 1))
    image, slab = painting.plaster(rng, height, width, (158, 156, 150), 7.0), int(SLAB_M * PIXELS_PER_METRE)
    for top in range(0, height, slab):
        for left in range(0, width, slab):
            patch = image[top : top + slab, left : left + slab]
            patch[:] = np.clip(patch.astype(np.int16) + int(rng.normal(0, 7)), 0, 255)
            cv2.rectangle(image, (left, top), (left + slab, top + slab), (96, 94, 90), 4)
    middle = int(rng.uniform(0.3, 0.7) * height)
    cv2.ellipse(image, (width // 2, middle + 900), (1500, 900), 0, 180, 360, (206, 168, 40), 16)
    for _ in range(14):  # oil
        at = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.ellipse(image, at, (int(rng.integers(8, 60)), int(rng.integers(8, 40))), 0, 0, 360, (112, 108, 104), -1)
    for _ in range(6):  # repairs
        left, top = int(rng.integers(width)), int(rng.integers(height))
        cv2.rectangle(image, (left, top), (left + 120, top + 90), (120, 120, 122), -1)
    return image


def _sky(rng: np.random.Generator) -> list[Part]:
    """Blue above, pale at the horizon, clouds that are another at each place."""
    haze, blue = np.array((206, 214, 222)), np.array((104, 146, 200))

    def paint(_number: int, _length_m: float, _height_m: float) -> np.ndarray:
        share = np.linspace(1, 0, 400)[:, None, None] ** 0.7
        # none where walls meet each other and the top, which would cut them
        fading = np.sin(np.linspace(0, np.pi, 400))[:, None, None] * np.sin(np.linspace(0, np.pi, 1400))[None, :, None]
        clouds = 20 * fading * np.maximum(painting.noise(rng, 400, 1400), 0.0)[..., None]
        image = share * blue + (1 - share) * haze + share * clouds
        return np.clip(image, 0, 255).astype(np.uint8)

    top = np.full((8, 8, 3), blue, np.uint8)
    parts = [*walls(FAR_LOW, FAR_HIGH, paint), ceiling(FAR_LOW, FAR_HIGH, top)]
    return [Part(part.mesh, part.texture, glows=True) for part in parts]


def _sheds(rng: np.random.Generator) -> list[Part]:
    """Hangars and a fence post here and there, 25 m away and more."""
    parts = []
    for number in range(7):
        azimuth, distance = 2 * np.pi * (number + rng.uniform(-0.3, 0.3)) / 7, rng.uniform(26, 48)
        size = (rng.uniform(12, 24), rng.uniform(8, 14), rng.uniform(4, 9))
        side = _shed(rng, tuple(int(v) for v in rng.integers(90, 190) + rng.integers(-22, 23, 3)))
        roof = painting.plaster(rng, 64, 64, (110, 108, 106), 5.0)
        place = (distance * np.cos(azimuth), distance * np.sin(azimuth), size[2] / 2)
        parts += box(place, size, [side] * 4, roof, azimuth + np.pi / 2)
    return parts


def _shed(rng: np.random.Generator, colour: tuple[int, ...]) -> np.ndarray:
    image = painting.plaster(rng, 256, 640, colour, 6.0)
    cv2.rectangle(image, (60, 70), (360, 256), tuple(int(0.7 * v) for v in colour), -1)
    for column in range(60, 360, 50):
        cv2.line(image, (column, 70), (column, 256), (60, 60, 62), 2)
    for column in range(400, 620, 60):
        cv2.rectangle(image, (column, 90), (column + 36, 140), (56, 66, 78), -1)
    painting.lettering(image, f"{rng.integers(1, 30)}", (500, 40), 1.6, (240, 240, 236))
    return image

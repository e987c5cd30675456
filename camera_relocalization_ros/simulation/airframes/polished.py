# SPDX-License-Identifier: BSD-3-Clause
"""A twin of bare polished metal with two fins: it shows its rivets, and the hall that it stands in."""

from __future__ import annotations

import cv2
import numpy as np

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.airframes import bodies
from camera_relocalization_ros.simulation.surface import Gloss, Part

METAL, JOINT, BLACK, RED = (148, 152, 158), (98, 102, 108), (38, 38, 40), (168, 40, 36)
POLISH = Gloss(0.42, 70.0)
AROUND, ALONG = 768, 1536
STATIONS = np.array(
    [
        [1.20, 0.03, -0.02],
        [1.14, 0.10, -0.01],
        [0.95, 0.16, 0.0],
        [0.60, 0.19, 0.01],
        [0.0, 0.18, 0.02],
        [-0.60, 0.12, 0.05],
        [-1.05, 0.05, 0.08],
        [-1.12, 0.01, 0.09],
    ]
)
WING = bodies.Plan((0.46, -0.12, 0.12, -0.09), (0.26, 0.0, 1.28, 0.03), 0.06)
TAILPLANE = bodies.Plan((-0.88, -1.12, 0.0, 0.10), (-0.90, -1.10, 0.46, 0.10), 0.03)
ENGINES = ((0.46, 0.40, -0.05), (0.46, -0.40, -0.05))


def polished() -> list[Part]:
    """All parts, with a stand."""
    rng = np.random.default_rng(2103)
    parts = [Part(bodies.fuselage_surface(STATIONS, 150, 80), _fuselage(rng), POLISH)]
    for side in (1, -1):
        parts += bodies.lifting_surface(WING, side, (_skin(rng), _skin(rng)), (28, 60), POLISH)
        parts += bodies.lifting_surface(TAILPLANE, side, (_skin(rng), _skin(rng)), (18, 28), POLISH)
        fin = bodies.fin_surface((-0.86, -1.12, -0.06), (-0.96, -1.14, 0.30), 0.02, y=0.46 * side, steps=(20, 20))
        parts.append(Part(fin, _fin(rng), POLISH))
    for place in ENGINES:
        texture = _sheets(rng, 256, 512, 64)
        texture[:, :36], texture[:, 36:48] = BLACK, RED
        parts.append(Part(bodies.nacelle_surface(place, 0.62, 0.11, (44, 44)), texture, POLISH))
    return [*parts, *bodies.stand(rng, -0.17)]


def _sheets(rng: np.random.Generator, height: int, width: int, step: int) -> np.ndarray:
    """Riveted sheets, each rolled a little otherwise."""
    image = painting.plaster(rng, height, width, METAL, 2.0)
    for top in range(0, height, step):
        for left in range(0, width, 2 * step):
            patch = image[top : top + step, left : left + 2 * step]
            patch[:] = np.clip(patch.astype(np.int16) + int(rng.normal(0, 9)), 0, 255)
    painting.panels(rng, image, step, JOINT)
    return image


def _fuselage(rng: np.random.Generator) -> np.ndarray:
    def paint(side: bodies.SidePaint) -> None:
        for column in range(420, 900, 110):
            side.rectangle((column, column + 62), (140, 186), (40, 48, 58))
        side.rectangle((940, 1010), (132, 260), JOINT, 3)
        side.lettering("L 10", (1150, 190), 1.6, BLACK)

    image = bodies.fuselage_texture(_sheets(rng, AROUND, ALONG, 96), paint)
    cv2.rectangle(image, (190, AROUND // 2 - 110), (270, AROUND // 2 + 110), (30, 36, 44), -1)  # windscreen
    image[AROUND // 2 - 60 : AROUND // 2 + 60, 40:180] = BLACK  # against glare
    return image


def _skin(rng: np.random.Generator) -> np.ndarray:
    image = _sheets(rng, 768, 384, 80)
    cv2.rectangle(image, (290, 40), (376, 740), JOINT, 3)
    image[:, :18] = BLACK  # rubber against ice
    return image


def _fin(rng: np.random.Generator) -> np.ndarray:
    image = _sheets(rng, 256, 512, 64)
    image[60:110] = RED
    return image

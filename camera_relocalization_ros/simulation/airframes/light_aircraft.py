# SPDX-License-Identifier: BSD-3-Clause
"""A light aircraft: high straight wings on struts, a fixed gear, white with a few stripes and its registration."""

from __future__ import annotations

import cv2
import numpy as np
import pyvista

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.airframes import bodies
from camera_relocalization_ros.simulation.surface import Gloss, Part, solid

WHITE, LINE, BLUE, RED, GLASS = (224, 224, 220), (176, 178, 178), (30, 62, 140), (190, 40, 44), (58, 68, 78)
VARNISH = Gloss(0.045, 60.0)
AROUND, ALONG = 768, 1536
STATIONS = np.array(
    [
        [1.08, 0.05, -0.02],
        [1.04, 0.11, -0.02],
        [0.80, 0.15, -0.01],
        [0.45, 0.20, 0.03],
        [-0.05, 0.20, 0.03],
        [-0.40, 0.13, 0.05],
        [-1.05, 0.05, 0.09],
        [-1.20, 0.02, 0.10],
    ]
)
WING = bodies.Plan((0.42, 0.02, 0.0, 0.23), (0.40, 0.06, 1.30, 0.27), 0.06)
TAILPLANE = bodies.Plan((-0.96, -1.20, 0.03, 0.10), (-1.02, -1.20, 0.45, 0.10), 0.025)


def light_aircraft() -> list[Part]:
    """All parts, with a stand."""
    rng = np.random.default_rng(2105)
    parts = [Part(bodies.fuselage_surface(STATIONS, 130, 72), _fuselage(rng), VARNISH)]
    parts.append(
        Part(bodies.fin_surface((-0.84, -1.20, 0.12), (-1.10, -1.26, 0.50), steps=(20, 20)), _fin(rng), VARNISH)
    )
    white, black = np.full((16, 16, 3), WHITE, np.uint8), np.full((16, 16, 3), 34, np.uint8)
    for side in (1, -1):
        parts += bodies.lifting_surface(
            WING, side, (_wing(rng, side, True), _wing(rng, side, False)), (24, 60), VARNISH
        )
        parts += bodies.lifting_surface(TAILPLANE, side, (_plain(rng), _plain(rng)), (14, 24), VARNISH)
        parts.append(bodies.strut((0.24, 0.17 * side, -0.10), (0.24, 0.70 * side, 0.23), 0.014, white))
        parts.append(bodies.strut((0.14, 0.14 * side, -0.12), (0.10, 0.36 * side, -0.36), 0.014, white))
        parts.append(_wheel((0.10, 0.38 * side, -0.38), black))
    parts.append(bodies.strut((0.90, 0.0, -0.14), (0.94, 0.0, -0.34), 0.014, white))
    parts.append(_wheel((0.94, 0.0, -0.38), black))
    blade = bodies.strut((1.12, 0.30, 0.10), (1.12, -0.30, -0.14), 0.016, np.full((8, 8, 3), 60, np.uint8))
    spinner = pyvista.Cone(center=(1.13, 0, -0.02), direction=(1, 0, 0), height=0.12, radius=0.05, resolution=24)
    return [*parts, blade, solid(spinner, np.full((8, 8, 3), RED, np.uint8)), *bodies.stand(rng, -0.17)]


def _wheel(place: tuple[float, float, float], texture: np.ndarray) -> Part:
    return solid(pyvista.Cylinder(center=place, direction=(0, 1, 0), radius=0.06, height=0.04, resolution=24), texture)


def _plain(rng: np.random.Generator) -> np.ndarray:
    image = painting.plaster(rng, 256, 256, WHITE, 1.0)
    cv2.line(image, (150, 0), (150, 256), LINE, 2)
    return image


def _fuselage(rng: np.random.Generator) -> np.ndarray:
    def paint(side: bodies.SidePaint) -> None:
        side.rectangle((0, 1535), (212, 232), BLUE)
        side.rectangle((0, 1535), (240, 248), RED)
        for column in (430, 590):
            side.rectangle((column, column + 140), (104, 176), GLASS)
        side.rectangle((520, 640), (96, 300), LINE, 2)
        side.lettering("F-LYER", (1120, 170), 1.7, BLUE)

    image = bodies.fuselage_texture(painting.plaster(rng, AROUND, ALONG, WHITE, 1.0), paint)
    cv2.rectangle(image, (330, AROUND // 2 - 150), (420, AROUND // 2 + 150), GLASS, -1)  # windscreen
    return image


def _fin(rng: np.random.Generator) -> np.ndarray:
    image = painting.plaster(rng, 384, 768, WHITE, 1.0)
    image[40:80], image[100:118] = BLUE, RED
    for column in (270, 498):
        cv2.line(image, (column, 0), (column, 384), LINE, 2)
    return image


def _wing(rng: np.random.Generator, side: int, is_upper: bool) -> np.ndarray:
    """Stripes at the tip; the registration on the left wing's upper skin."""
    image = painting.plaster(rng, 1024, 320, WHITE, 1.0)
    image[60:100], image[120:138] = BLUE, RED
    cv2.rectangle(image, (236, 150), (312, 900), LINE, 2)
    if is_upper and side > 0:
        turned = np.ascontiguousarray(np.rot90(image))
        painting.lettering(turned, "F-LYER", (520, 170), 3.2, BLUE, mirrored=True)
        image = np.ascontiguousarray(np.rot90(turned, -1))
    return image

# SPDX-License-Identifier: BSD-3-Clause
"""A military jet in two matte greys: a delta wing, no tailplane, markings that hardly show."""

from __future__ import annotations

import cv2
import numpy as np

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.airframes import bodies
from camera_relocalization_ros.simulation.surface import Part

GREY, DARK, MARK, GLASS = (134, 140, 146), (114, 120, 127), (98, 104, 112), (52, 58, 62)
AROUND, ALONG = 768, 1792
STATIONS = np.array(
    [
        [1.48, 0.004, -0.06],
        [1.25, 0.05, -0.04],
        [0.95, 0.10, -0.01],
        [0.55, 0.16, 0.0],
        [0.10, 0.17, 0.0],
        [-0.70, 0.16, 0.0],
        [-1.15, 0.13, 0.0],
        [-1.30, 0.10, 0.0],
    ]
)
WING = bodies.Plan((0.50, -1.02, 0.12, -0.02), (-0.80, -1.02, 1.12, -0.02), 0.035)
CANARD = bodies.Plan((0.78, 0.55, 0.12, 0.05), (0.60, 0.52, 0.42, 0.06), 0.02)


def military() -> list[Part]:
    """All parts, with a stand."""
    rng = np.random.default_rng(2104)
    parts = [Part(bodies.fuselage_surface(STATIONS, 110, 60, flat=1.15), _fuselage(rng))]
    parts.append(Part(bodies.fin_surface((-0.55, -1.20, 0.14), (-1.02, -1.26, 0.62), 0.02, steps=(20, 20)), _fin(rng)))
    canopy = np.array(
        [[0.92, 0.01, 0.08], [0.85, 0.05, 0.09], [0.62, 0.09, 0.11], [0.30, 0.04, 0.13], [0.2, 0.01, 0.14]]
    )
    parts.append(Part(bodies.fuselage_surface(canopy, 40, 32), np.full((16, 16, 3), GLASS, np.uint8)))
    for side in (1, -1):
        parts += bodies.lifting_surface(WING, side, (_skin(rng, side > 0), _skin(rng, False)), (40, 40))
        parts += bodies.lifting_surface(CANARD, side, (_patched(rng, 128, 128),) * 2, (12, 12))
        missile = bodies.nacelle_surface((-0.72, side * 1.13, -0.02), 0.62, 0.022, (30, 20))
        parts.append(Part(missile, painting.plaster(rng, 32, 128, (170, 172, 172), 3.0)))
    return [*parts, *bodies.stand(rng, -0.16)]


def _patched(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Grey with clouds of the darker grey, soft at their borders."""
    share = 1 / (1 + np.exp(-6 * painting.noise(rng, height, width, 2, 3)))[..., None]
    image = share * np.array(GREY) + (1 - share) * np.array(DARK) + rng.normal(0, 1.2, (height, width, 1))
    return np.clip(image, 0, 255).astype(np.uint8)


def _fuselage(rng: np.random.Generator) -> np.ndarray:
    def paint(side: bodies.SidePaint) -> None:
        side.ellipse((640, 190), (34, 34), MARK, 8)
        side.lettering("31+07" if side.is_left else "70+13", (1080, 190), 2.0, MARK)
        side.rectangle((560, 700), (252, 330), (70, 74, 80))  # air intake
        side.rectangle((900, 990), (230, 300), MARK, 2)

    ground = _patched(rng, AROUND, ALONG)
    painting.panels(rng, ground, 150, (122, 128, 134))
    image = bodies.fuselage_texture(ground, paint)
    image[:, 1690:] = (74, 72, 70)  # nozzle
    return image


def _skin(rng: np.random.Generator, is_marked: bool) -> np.ndarray:
    image = _patched(rng, 768, 768)
    painting.panels(rng, image, 160, (122, 128, 134))
    cv2.rectangle(image, (640, 60), (760, 720), MARK, 2)  # elevons
    if is_marked:
        cv2.circle(image, (430, 420), 60, MARK, 12)
    return image


def _fin(rng: np.random.Generator) -> np.ndarray:
    image = _patched(rng, 384, 768)
    for left in (0, 384):
        cv2.rectangle(image, (left + 60, 60), (left + 320, 84), MARK, -1)
    painting.lettering(image, "74", (200, 180), 2.2, MARK)
    painting.lettering(image, "74", (568, 180), 2.2, MARK)
    return image

# SPDX-License-Identifier: BSD-3-Clause
"""A plain white glider: long slender wings, a pod and a thin boom, a T-tail; nothing is written on it."""

from __future__ import annotations

import cv2
import numpy as np

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.airframes import bodies
from camera_relocalization_ros.simulation.surface import Gloss, Part

WHITE, GAP, CANOPY = (226, 227, 226), (188, 190, 190), (46, 54, 62)
VARNISH = Gloss(0.05, 120.0)
STATIONS = np.array(
    [
        [1.15, 0.004, -0.05],
        [1.10, 0.045, -0.04],
        [0.95, 0.10, -0.02],
        [0.65, 0.135, 0.0],
        [0.25, 0.13, 0.01],
        [-0.15, 0.075, 0.04],
        [-0.45, 0.045, 0.05],
        [-1.20, 0.03, 0.06],
        [-1.24, 0.006, 0.06],
    ]
)
WING = bodies.Plan((0.32, 0.04, 0.06, 0.07), (0.18, 0.08, 1.30, 0.17), 0.045)
TAILPLANE = bodies.Plan((-1.08, -1.22, 0.0, 0.43), (-1.13, -1.22, 0.34, 0.43), 0.02)


def glider() -> list[Part]:
    """All parts, with a stand."""
    rng = np.random.default_rng(2101)
    body = painting.plaster(rng, 512, 1024, WHITE, 0.8)
    cv2.ellipse(body, (230, 256), (130, 105), 0, 0, 360, CANOPY, -1)
    cv2.line(body, (0, 255), (1024, 255), GAP, 1)
    parts = [Part(bodies.fuselage_surface(STATIONS, 150, 72), body, VARNISH)]
    fin = painting.plaster(rng, 256, 512, WHITE, 0.8)
    for column in (180, 332):
        cv2.line(fin, (column, 0), (column, 256), GAP, 2)  # the rudder's gap
    parts.append(Part(bodies.fin_surface((-0.98, -1.24, 0.08), (-1.06, -1.24, 0.43), steps=(24, 24)), fin, VARNISH))
    for side in (1, -1):
        for plan, steps in ((WING, (24, 80)), (TAILPLANE, (16, 24))):
            parts += bodies.lifting_surface(plan, side, (_skin(rng), _skin(rng)), steps, VARNISH)
    return [*parts, *bodies.stand(rng, -0.12)]


def _skin(rng: np.random.Generator) -> np.ndarray:
    """White, with the gap of the aileron or elevator."""
    image = painting.plaster(rng, 512, 256, WHITE, 0.8)
    cv2.line(image, (196, 0), (196, 512), GAP, 2)
    return image

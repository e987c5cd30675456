# SPDX-License-Identifier: BSD-3-Clause
"""An airliner: low swept wings with winglets, two engines, rows of equal windows, a title, a painted fin."""

from __future__ import annotations

import cv2
import numpy as np

from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.airframes import bodies
from camera_relocalization_ros.simulation.surface import Gloss, Part

WHITE, BELLY, LINE, NAVY, ORANGE = (220, 221, 222), (146, 152, 160), (130, 132, 134), (24, 44, 104), (226, 112, 30)
VARNISH = Gloss(0.04, 90.0)
AROUND, ALONG = 1024, 2048
STATIONS = np.array(
    [
        [1.45, 0.004, -0.05],
        [1.42, 0.05, -0.04],
        [1.33, 0.11, -0.02],
        [1.18, 0.15, 0.0],
        [1.0, 0.16, 0.0],
        [-0.75, 0.16, 0.0],
        [-1.10, 0.11, 0.04],
        [-1.35, 0.05, 0.09],
        [-1.45, 0.012, 0.11],
    ]
)
WING = bodies.Plan((0.42, -0.16, 0.08, -0.10), (-0.32, -0.50, 1.22, 0.0), 0.05)
WINGLET = bodies.Plan((-0.32, -0.50, 1.22, 0.0), (-0.46, -0.54, 1.30, 0.2), 0.015)
TAILPLANE = bodies.Plan((-1.02, -1.28, 0.06, 0.07), (-1.26, -1.38, 0.48, 0.11), 0.025)
ENGINES = ((0.28, 0.42, -0.17), (0.28, -0.42, -0.17))


def airliner() -> list[Part]:
    """All parts, with a stand."""
    rng = np.random.default_rng(2102)
    fuselage = painting.dirt(rng, _fuselage(rng), 8.0)
    parts = [Part(bodies.fuselage_surface(STATIONS, 150, 72), fuselage, VARNISH)]
    fin = bodies.fin_surface((-0.92, -1.34, 0.12), (-1.26, -1.44, 0.62), 0.02, steps=(24, 24))
    parts.append(Part(fin, _fin(rng), VARNISH))
    for side in (1, -1):
        for plan, steps in ((WING, (24, 48)), (WINGLET, (10, 12)), (TAILPLANE, (16, 24))):
            skins = (_skin(rng, True, plan is WINGLET), _skin(rng, False, plan is WINGLET))
            parts += bodies.lifting_surface(plan, side, skins, steps, VARNISH)
    for place in ENGINES:
        parts.append(Part(bodies.nacelle_surface(place, 0.36, 0.1, (30, 40)), _engine(rng), VARNISH))
        parts.append(bodies.strut(place, (place[0] - 0.1, place[1], -0.06), 0.02, np.full((8, 8, 3), 200, np.uint8)))
    return [*parts, *bodies.stand(rng, -0.15)]


def _fuselage(rng: np.random.Generator) -> np.ndarray:
    ground = painting.plaster(rng, AROUND, ALONG, WHITE, 2.0)
    ground[: AROUND // 6] = ground[-AROUND // 6 :] = BELLY
    painting.panels(rng, ground, 170, (196, 198, 200))
    image = bodies.fuselage_texture(ground, _side)
    cv2.rectangle(image, (110, AROUND // 2 - 150), (180, AROUND // 2 + 150), (26, 30, 38), -1)  # windscreen
    return image


def _side(side: bodies.SidePaint) -> None:
    for column in range(300, 1520, 44):
        side.rectangle((column, column + 20), (196, 228), (44, 52, 66))
    for column in (220, 1560):
        side.rectangle((column, column + 46), (180, 290), LINE, 3)
    side.rectangle((0, 2047), (262, 286), NAVY)
    side.rectangle((0, 2047), (290, 298), ORANGE)
    side.rectangle((1780, 1800), (0, 511), ORANGE)
    side.rectangle((1800, 2047), (0, 511), NAVY)
    side.lettering("NORDWIND", (760, 140), 2.6, NAVY)
    side.lettering("LX-NWD", (1420, 340), 1.4, NAVY)


def _fin(rng: np.random.Generator) -> np.ndarray:
    image = painting.plaster(rng, 512, 1024, NAVY, 2.0)
    for left in (0, 512):
        image[330:380, left : left + 512] = ORANGE
    for centre in ((300, 210), (724, 210)):
        cv2.circle(image, centre, 90, ORANGE, -1)
        cv2.circle(image, (centre[0] + 26, centre[1] - 20), 74, NAVY, -1)  # a moon
    for column in (400, 624):
        cv2.line(image, (column, 0), (column, 512), (60, 76, 130), 3)
    return image


def _skin(rng: np.random.Generator, is_upper: bool, is_winglet: bool) -> np.ndarray:
    if is_winglet:
        return painting.plaster(rng, 128, 128, NAVY, 2.0)
    image = painting.plaster(rng, 1024, 512, (176, 180, 184), 3.0)
    painting.panels(rng, image, 150, (140, 144, 148))
    cv2.rectangle(image, (0, 0), (40, 1024), (214, 216, 218), -1)  # leading edge
    cv2.rectangle(image, (380, 90), (500, 980), (120, 124, 128), 3)  # flaps and aileron
    for row in (300, 620):
        cv2.line(image, (380, row), (500, row), (120, 124, 128), 3)
    if is_upper:
        cv2.rectangle(image, (300, 380), (372, 600), (196, 200, 204), -1)  # spoilers
    return painting.dirt(rng, image, 8.0)


def _engine(rng: np.random.Generator) -> np.ndarray:
    image = painting.plaster(rng, 256, 512, NAVY, 2.0)
    image[:, :50], image[:, 430:] = (196, 198, 202), (96, 98, 102)
    image[:, 120:130] = ORANGE
    return image

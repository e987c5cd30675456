# SPDX-License-Identifier: BSD-3-Clause
"""The reduced airframe as textured meshes in wing/base_link: a real one's surface, left and right different."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import cv2
import numpy as np
import pyvista

from camera_relocalization_ros.core.errors import SimulationError
from camera_relocalization_ros.simulation import airframe_shape as shape
from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.airframes import bodies
from camera_relocalization_ros.simulation.surface import Part

WHITE, LINE, RED, GREEN, BLUE = (214, 214, 208), (120, 120, 118), (176, 34, 40), (30, 130, 60), (28, 58, 120)
# texture pixels around and along the fuselage
AROUND, ALONG = 1024, 2048
MESH_SUFFIXES = (".ply", ".stl", ".obj")


def build_airframe() -> list[Part]:
    """All parts; the airframe is the same in every arena."""
    rng = np.random.default_rng(2017)
    parts = [_fuselage(rng), _fin(rng), *bodies.stand(rng)]
    for side in (1, -1):
        parts += bodies.lifting_surface(bodies.Plan.of(shape.WING, 0.05), side, _wing_textures(rng, side))
        parts += bodies.lifting_surface(bodies.Plan.of(shape.TAILPLANE, 0.025), side, _tail_textures(rng, side))
    parts += [_engine(rng, place, number) for number, place in enumerate(shape.ENGINES)]
    return parts


def parts_mesh(parts: Sequence[Part]) -> pyvista.PolyData:
    """Parts as one triangle mesh, without texture."""
    bare = [pyvista.PolyData(part.mesh.points, part.mesh.faces) for part in parts]
    return bare[0].append_polydata(*bare[1:]).triangulate()


def save_airframe_mesh(path: Path, parts: Sequence[Part] = ()) -> None:
    """Write parts (the reduced airframe where there are none) as PLY, STL or OBJ; raises SimulationError."""
    if path.suffix.lower() not in MESH_SUFFIXES or not path.parent.is_dir():
        raise SimulationError(f"{path}: expected a file in an existing folder, ending in {', '.join(MESH_SUFFIXES)}")
    parts_mesh(parts or build_airframe()).save(str(path))


def _fuselage(rng: np.random.Generator) -> Part:
    return Part(bodies.fuselage_surface(shape.FUSELAGE_STATIONS), painting.dirt(rng, _fuselage_texture(rng)))


def _fuselage_texture(rng: np.random.Generator) -> np.ndarray:
    """Rows from the top of the image: right side (u near 1) to left side (u near 0); columns from nose to tail."""
    image = painting.plaster(rng, AROUND, ALONG, WHITE, 5.0)
    image[: AROUND // 8] = image[-AROUND // 8 :] = (150, 154, 160)  # grey belly
    painting.panels(rng, image, 128, LINE)
    left, right = 3 * AROUND // 4, AROUND // 4
    cv2.rectangle(image, (0, left - 12), (ALONG, left + 26), RED, -1)
    cv2.rectangle(image, (0, right - 40), (ALONG, right - 4), BLUE, -1)
    for column in range(420, 1400, 62):
        cv2.rectangle(image, (column, left - 70), (column + 26, left - 28), (40, 48, 60), -1)
        if column % 4:
            cv2.rectangle(image, (column, right + 28), (column + 26, right + 70), (40, 48, 60), -1)
    for row in (left, right):
        cv2.rectangle(image, (300, row - 60), (372, row + 80), LINE, 3)  # doors
    cv2.rectangle(image, (150, AROUND // 2 - 130), (235, AROUND // 2 + 130), (25, 30, 38), -1)  # windscreen
    cv2.line(image, (150, AROUND // 2), (235, AROUND // 2), WHITE, 6)
    cv2.rectangle(image, (700, AROUND // 2 - 30), (1250, AROUND // 2 + 8), (60, 62, 66), -1)  # antenna fairing
    for column in (520, 860, 1320, 1600):
        cv2.circle(image, (column, AROUND // 2 + 50), 16, (200, 160, 30), -1)
    # nose is on the viewer's left on the left side, so text runs with the columns there and against them right
    painting.lettering(image, "AIRFRAME-1", (1540, left + 60), 2.0, RED)
    flipped = image[::-1, ::-1]
    painting.lettering(flipped, "LX-M100", (ALONG - 1540, AROUND - (right - 80)), 2.2, BLUE)
    return image


def _wing_textures(rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower texture: columns from leading to trailing edge, rows from the tip (top) to the root."""
    colour, number = (RED, "07") if side > 0 else (GREEN, "42")
    skins = []
    for upper in (True, False):
        image = painting.plaster(rng, 1024, 512, WHITE if upper else (168, 172, 178), 5.0)
        painting.panels(rng, image, 96 if upper else 128, LINE)
        cv2.rectangle(image, (0, 0), (512, 110 if upper else 60), colour, -1)
        cv2.rectangle(image, (390, 120), (505, 900), LINE, 3)  # flap and aileron
        cv2.line(image, (390, 480), (505, 480), LINE, 3)
        if upper and side > 0:
            cv2.rectangle(image, (20, 330), (370, 380), (200, 160, 30), -1)
        if upper and side < 0:
            for row in range(300, 640, 68):
                cv2.rectangle(image, (40, row), (350, row + 26), (50, 52, 58), -1)
        turned = np.ascontiguousarray(np.rot90(image))
        mirrored = (side > 0) == upper
        painting.lettering(turned, number, (560, 190), 6.0, BLUE, mirrored)
        painting.lettering(turned, "NO STEP" if upper else "FUEL", (300, 420), 1.2, (40, 40, 40), mirrored)
        skins.append(painting.dirt(rng, np.ascontiguousarray(np.rot90(turned, -1)), 16.0))
    return skins[0], skins[1]


def _tail_textures(rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
    skins = []
    for upper in (True, False):
        image = painting.plaster(rng, 256, 256, WHITE if upper else (160, 164, 170), 5.0)
        painting.panels(rng, image, 64, LINE)
        cv2.rectangle(image, (0, 0), (256, 50), RED if side > 0 else GREEN, -1)
        cv2.rectangle(image, (170, 60), (250, 250), LINE, 2)
        if side > 0:
            cv2.circle(image, (90, 130), 30, BLUE, -1)
        skins.append(painting.dirt(rng, image, 14.0))
    return skins[0], skins[1]


def _fin(rng: np.random.Generator) -> Part:
    image = painting.plaster(rng, 512, 1024, (205, 205, 200), 5.0)
    painting.panels(rng, image, 96, LINE)
    image[:150, :512], image[:150, 512:] = RED, BLUE
    cv2.circle(image, (230, 300), 80, (220, 180, 40), -1)
    painting.lettering(image, "SNT", (230, 300), 2.2, BLUE)
    painting.lettering(image, "R-21", (790, 300), 2.6, RED)
    cv2.rectangle(image, (380, 160), (500, 500), LINE, 3)
    return Part(bodies.fin_surface(shape.FIN["root"], shape.FIN["tip"]), painting.dirt(rng, image, 16.0))


def _engine(rng: np.random.Generator, place: tuple[float, ...], number: int) -> Part:
    image = painting.plaster(rng, 256, 512, (150, 150, 152) if number else (190, 188, 180), 6.0)
    painting.panels(rng, image, 64, (90, 90, 90))
    image[:, :60] = (45, 45, 48)
    cv2.rectangle(image, (90, 0), (120, 256), RED if number == 0 else GREEN, -1)
    # the left side of the nacelle lies at v = 0, the right one at v = 0.5, where up is down
    painting.lettering(image, f"ENG {number + 1}", (300, 226), 1.2, (30, 30, 30))
    painting.lettering(image[::-1, ::-1], f"ENG {number + 1}", (212, 128), 1.2, (30, 30, 30))
    surface = bodies.nacelle_surface(place, shape.ENGINE_LENGTH, shape.ENGINE_RADIUS)
    return Part(surface, painting.dirt(rng, image, 18.0))

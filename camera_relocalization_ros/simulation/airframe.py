# SPDX-License-Identifier: BSD-3-Clause
"""The reduced airframe as textured meshes in wing/base_link: a real one's surface, left and right different."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyvista

from camera_relocalization_ros.core.errors import SimulationError
from camera_relocalization_ros.simulation import airframe_shape as shape
from camera_relocalization_ros.simulation import painting
from camera_relocalization_ros.simulation.surface import Part, grid_surface, with_outward_normals

WHITE, LINE, RED, GREEN, BLUE = (214, 214, 208), (120, 120, 118), (176, 34, 40), (30, 130, 60), (28, 58, 120)
# texture pixels around and along the fuselage
AROUND, ALONG = 1024, 2048
RING = 48
MESH_SUFFIXES = (".ply", ".stl", ".obj")


def build_airframe() -> list[Part]:
    """All parts; the airframe is the same in every arena."""
    rng = np.random.default_rng(2017)
    parts = [_fuselage(rng), _fin(rng), *_stand(rng)]
    for side in (1, -1):
        parts += _lifting_surface(shape.WING, side, 0.05, _wing_textures(rng, side))
        parts += _lifting_surface(shape.TAILPLANE, side, 0.025, _tail_textures(rng, side))
    parts += [_engine(rng, place, number) for number, place in enumerate(shape.ENGINES)]
    return parts


def airframe_mesh() -> pyvista.PolyData:
    """The whole airframe with its stand as one triangle mesh in wing/base_link, without texture."""
    bare = [pyvista.PolyData(part.mesh.points, part.mesh.faces) for part in build_airframe()]
    return bare[0].append_polydata(*bare[1:]).triangulate()


def save_airframe_mesh(path: Path) -> None:
    """Write `airframe_mesh` as PLY, STL or OBJ; raises SimulationError."""
    if path.suffix.lower() not in MESH_SUFFIXES or not path.parent.is_dir():
        raise SimulationError(f"{path}: expected a file in an existing folder, ending in {', '.join(MESH_SUFFIXES)}")
    airframe_mesh().save(str(path))


def _fuselage(rng: np.random.Generator) -> Part:
    x = np.linspace(shape.FUSELAGE_STATIONS[0, 0], shape.FUSELAGE_STATIONS[-1, 0], 60)
    stations = shape.FUSELAGE_STATIONS[::-1]
    radius = np.interp(x, stations[:, 0], stations[:, 1])
    centre = np.interp(x, stations[:, 0], stations[:, 2])
    # the seam runs along the belly; u goes from the belly up the left side, over the top, down the right
    u = np.linspace(0, 1, RING)
    angle = 2 * np.pi * u - np.pi / 2
    points = np.stack(
        [
            np.repeat(x[:, None], RING, 1),
            radius[:, None] * np.cos(angle)[None],
            centre[:, None] + radius[:, None] * np.sin(angle)[None],
        ],
        axis=2,
    )
    axis = np.stack(np.broadcast_arrays(x[:, None], 0.0, centre[:, None]), axis=2) * np.ones((1, RING, 1))
    along = (x[0] - x) / (x[0] - x[-1])
    uv = np.stack([np.repeat(along[:, None], RING, 1), np.repeat(u[None], len(x), 0)], axis=2)
    return Part(grid_surface(points, uv, axis), painting.dirt(rng, _fuselage_texture(rng)))


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


def _lifting_surface(plan: dict, side: int, thickness: float, textures: tuple[np.ndarray, np.ndarray]) -> list[Part]:
    """Upper and lower skin of a left (side 1) or right (-1) wing; u from leading to trailing edge, v outwards."""
    u, v = np.linspace(0, 1, 14), np.linspace(0, 1, 12)
    (lead_r, trail_r, span_r, rise_r), (lead_t, trail_t, span_t, rise_t) = plan["root"], plan["tip"]
    lead, trail = lead_r + (lead_t - lead_r) * v, trail_r + (trail_t - trail_r) * v
    x = lead[:, None] + (trail - lead)[:, None] * u[None]
    y = np.repeat((side * (span_r + (span_t - span_r) * v))[:, None], len(u), 1)
    rise = np.repeat((rise_r + (rise_t - rise_r) * v)[:, None], len(u), 1)
    camber = thickness * np.sqrt(u) * (1 - u) * 1.6 * (1.1 - v[:, None])
    uv = np.stack(np.broadcast_arrays(u[None], v[:, None]), axis=2)
    parts = []
    for sign, texture in zip((1, -1), textures):
        points = np.stack([x, y, rise + sign * camber], axis=2)
        parts.append(Part(grid_surface(points, uv, points - [0.0, 0.0, sign]), texture))
    return parts


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
    """The fin as a closed loop left skin - right skin, so that both sides carry their own paint."""
    u, v = np.linspace(0, 1, 12), np.linspace(0, 1, 8)
    (lead_r, trail_r, rise_r), (lead_t, trail_t, rise_t) = shape.FIN["root"], shape.FIN["tip"]
    lead, trail = lead_r + (lead_t - lead_r) * v, trail_r + (trail_t - trail_r) * v
    x = lead[:, None] + (trail - lead)[:, None] * u[None]
    z = np.repeat((rise_r + (rise_t - rise_r) * v)[:, None], len(u), 1)
    half = 0.016 * np.sqrt(u) * (1 - u) * 2.5 * np.ones_like(z)
    left = np.stack([x, half, z], axis=2)
    right = np.stack([x, -half, z], axis=2)[:, ::-1]
    loop = np.concatenate([left, right], axis=1)
    around = np.concatenate([0.5 * u, 0.5 + 0.5 * u])
    uv = np.stack(np.broadcast_arrays(around[None], v[:, None]), axis=2)
    image = painting.plaster(rng, 512, 1024, (205, 205, 200), 5.0)
    painting.panels(rng, image, 96, LINE)
    image[:150, :512], image[:150, 512:] = RED, BLUE
    cv2.circle(image, (230, 300), 80, (220, 180, 40), -1)
    painting.lettering(image, "SNT", (230, 300), 2.2, BLUE)
    painting.lettering(image, "R-21", (790, 300), 2.6, RED)
    cv2.rectangle(image, (380, 160), (500, 500), LINE, 3)
    middle = loop * [1.0, 0.0, 1.0]
    return Part(grid_surface(loop, uv, middle), painting.dirt(rng, image, 16.0))


def _engine(rng: np.random.Generator, place: tuple[float, ...], number: int) -> Part:
    u, along = np.linspace(0, 1, 32), np.linspace(0, 1, 14)
    radius = shape.ENGINE_RADIUS * (0.25 + 0.75 * np.clip(np.sin(np.pi * (0.12 + 0.8 * along)) * 1.3, 0, 1))
    angle = 2 * np.pi * u
    points = np.stack(
        [
            np.repeat((place[0] + shape.ENGINE_LENGTH * (0.5 - along))[:, None], len(u), 1),
            place[1] + radius[:, None] * np.cos(angle)[None],
            place[2] + radius[:, None] * np.sin(angle)[None],
        ],
        axis=2,
    )
    uv = np.stack(np.broadcast_arrays(along[:, None], u[None]), axis=2)
    image = painting.plaster(rng, 256, 512, (150, 150, 152) if number else (190, 188, 180), 6.0)
    painting.panels(rng, image, 64, (90, 90, 90))
    image[:, :60] = (45, 45, 48)
    cv2.rectangle(image, (90, 0), (120, 256), RED if number == 0 else GREEN, -1)
    # the left side of the nacelle lies at v = 0, the right one at v = 0.5, where up is down
    painting.lettering(image, f"ENG {number + 1}", (300, 226), 1.2, (30, 30, 30))
    painting.lettering(image[::-1, ::-1], f"ENG {number + 1}", (212, 128), 1.2, (30, 30, 30))
    axis = points * [1.0, 0.0, 0.0] + [0.0, place[1], place[2]]
    return Part(grid_surface(points, uv, axis), painting.dirt(rng, image, 18.0))


def _stand(rng: np.random.Generator) -> list[Part]:
    """A column and a cross on the floor, 1.62 m below the airframe's origin."""
    metal = painting.plaster(rng, 128, 128, (70, 72, 78), 8.0)
    column = pyvista.Cylinder(center=(0, 0, -0.88), direction=(0, 0, 1), radius=0.035, height=1.42, resolution=20)
    foot = [
        pyvista.Box((-0.45, 0.45, -0.03, 0.03, -1.61, -1.57)),
        pyvista.Box((-0.03, 0.03, -0.45, 0.45, -1.61, -1.57)),
    ]
    saddle = pyvista.Box((-0.22, 0.22, -0.07, 0.07, -0.2, -0.15))
    return [
        Part(with_outward_normals(mesh.texture_map_to_plane(use_bounds=True), np.array(mesh.center)), metal)
        for mesh in (column, saddle, *foot)
    ]

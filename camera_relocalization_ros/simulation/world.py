# SPDX-License-Identifier: BSD-3-Clause
"""Worlds that differ in kind, as data: what stands in the middle, where it stands, and what camera looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List

from camera_relocalization_ros.core.errors import SimulationError
from camera_relocalization_ros.simulation.airframe import build_airframe
from camera_relocalization_ros.simulation.airframes.airliner import airliner
from camera_relocalization_ros.simulation.airframes.glider import glider
from camera_relocalization_ros.simulation.airframes.light_aircraft import light_aircraft
from camera_relocalization_ros.simulation.airframes.military import military
from camera_relocalization_ros.simulation.airframes.polished import polished
from camera_relocalization_ros.simulation.arena import arena_light, build_arena
from camera_relocalization_ros.simulation.camera_kind import FISHEYE_CAMERA, HEAVY_JPEG, CameraKind
from camera_relocalization_ros.simulation.halls.apron import apron
from camera_relocalization_ros.simulation.halls.hall import Hall
from camera_relocalization_ros.simulation.halls.hangar import hangar
from camera_relocalization_ros.simulation.halls.office import office
from camera_relocalization_ros.simulation.surface import Part


@dataclass(frozen=True)
class World:
    """`subject` builds what stands in the middle, in wing/base_link: the same in each flight, as the hall's walls are.

    is_plain: there is little on the subject that a landmark could be.
    """

    subject: Callable[[], List[Part]]
    hall: Hall
    camera: CameraKind = CameraKind()
    is_plain: bool = False


ARENA = World(build_airframe, Hall(build_arena, arena_light))
WORLDS = {
    "arena": ARENA,
    "glider": World(glider, office(), is_plain=True),
    "airliner": World(airliner, hangar(), CameraKind(jpeg_quality=HEAVY_JPEG)),
    "polished": World(polished, hangar(), CameraKind(exposure_swing=0.35)),
    "military": World(military, apron(), CameraKind(readout_s=0.02), is_plain=True),
    "light": World(light_aircraft, apron(), CameraKind(FISHEYE_CAMERA, exposure_swing=0.2), is_plain=True),
}


def world_named(name: str) -> World:
    """The world of a name; raises SimulationError that lists them."""
    if name not in WORLDS:
        raise SimulationError(f"world {name!r}; expected one of {', '.join(WORLDS)}")
    return WORLDS[name]

# SPDX-License-Identifier: BSD-3-Clause
"""A flight as a KML file for Google Earth: a line, and the places with their times."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import simplekml

from camera_relocalization_ros.aircraft.local_frame import Geodetic
from camera_relocalization_ros.core.output_files import new_file

# absolute: above the sea, relative: above the ground at the first place, ground: laid on the ground
ALTITUDES = ("absolute", "relative", "ground")
MODES = {"absolute": "absolute", "relative": "relativeToGround", "ground": "clampToGround"}
LINE_COLOUR, LINE_WIDTH = "ff14f0ff", 3  # alpha, blue, green, red: yellow


def write_kml(
    path: Path,
    name: str,
    stamps_ns: np.ndarray,
    places: list[Geodetic],
    altitude: str = "absolute",
    geoid_m: float = 0.0,
) -> None:
    """Write the places at their stamps (N,) as a line and as a gx:Track; raises RelocalizationError.

    geoid_m: height of the sea above the ellipsoid, where the places' heights are above the latter.
    """
    ground_m = places[0].height_m if altitude == "relative" else geoid_m
    heights_m = [0.0 if altitude == "ground" else place.height_m - ground_m for place in places]
    points = [(place.longitude_deg, place.latitude_deg, height_m) for place, height_m in zip(places, heights_m)]
    kml = simplekml.Kml(name=name)
    line = kml.newlinestring(name=f"{name}: path", coords=points, altitudemode=MODES[altitude])
    track = kml.newgxtrack(name=f"{name}: flight", altitudemode=MODES[altitude])
    track.newwhen([_utc(int(stamp_ns)) for stamp_ns in stamps_ns])
    track.newgxcoord(points)
    for feature in (line, track):
        feature.style.linestyle.color, feature.style.linestyle.width = LINE_COLOUR, LINE_WIDTH
    with new_file(path) as partial:
        kml.save(str(partial))


def _utc(stamp_ns: int) -> str:
    moment = datetime.fromtimestamp(stamp_ns // 1_000_000_000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{stamp_ns // 1_000_000 % 1000:03d}Z"

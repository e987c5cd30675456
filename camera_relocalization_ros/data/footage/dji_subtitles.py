# SPDX-License-Identifier: BSD-3-Clause
"""What DJI's drones write beside a video as subtitles (.SRT): where satellites saw them, where the camera pointed.

Firmware spells it in several ways, of which these are read: [latitude: 48.26] [longtitude : 11.67] [abs_alt: 480.1]
[gb_yaw: 10 gb_pitch: -90 gb_roll: 0], and GPS(11.67,48.26,19) BAROMETER:10.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from camera_relocalization_ros.aircraft.local_frame import Geodetic
from camera_relocalization_ros.core.errors import DatasetError, unreadable
from camera_relocalization_ros.core.plain_values import read_text

TIMES = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->")
VALUE = re.compile(r"\b([a-z_]+)\s*:\s*([-+]?\d+(?:\.\d+)?)", re.IGNORECASE)
OLD_GPS = re.compile(r"GPS\s*\(\s*([-+]?[\d.]+)\s*,\s*([-+]?[\d.]+)\s*,")
# the height above the ellipsoid or the sea, else above where the drone took off
HEIGHTS = ("abs_alt", "altitude", "rel_alt", "barometer")
GIMBAL = ("gb_roll", "gb_pitch", "gb_yaw")


@dataclass(frozen=True)
class Subtitle:
    """From when it is shown, nanoseconds since the video's start; the place, and the gimbal's roll, pitch, yaw in
    degrees against north and the horizon, where it says them."""

    time_ns: int
    place: Geodetic | None
    roll_pitch_yaw_deg: tuple[float, float, float] | None


def subtitles_beside(video: Path) -> Path:
    """The .SRT of a video; raises DatasetError where there is none."""
    for suffix in (".SRT", ".srt", ".Srt"):
        if video.with_suffix(suffix).is_file():
            return video.with_suffix(suffix)
    raise DatasetError(f"{video}: no {video.with_suffix('.SRT').name} beside it; expected DJI's subtitles")


def read_subtitles(path: Path) -> list[Subtitle]:
    """All subtitles in the order of their times; raises DatasetError for a file that has none."""
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {unreadable(error, 'text')}") from error
    parts = list(TIMES.finditer(text))
    ends = [part.start() for part in parts[1:]] + [len(text)]
    found = {_time_ns(part): text[part.end() : end] for part, end in zip(parts, ends)}
    if not found:
        raise DatasetError(f"{path}: no subtitle in it; expected lines as 00:00:00,000 --> 00:00:00,033")
    return [_subtitle(time_ns, found[time_ns]) for time_ns in sorted(found)]


def _time_ns(times: re.Match[str]) -> int:
    hours, minutes, seconds = map(int, times.groups()[:3])
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + int(times.group(4).ljust(3, "0")) * 1_000_000


def _subtitle(time_ns: int, text: str) -> Subtitle:
    values = {key.lower(): float(value) for key, value in VALUE.findall(text)}
    angles = tuple(values[key] for key in GIMBAL if key in values)
    return Subtitle(time_ns, _place(values, text), angles if len(angles) == 3 else None)


def _place(values: dict[str, float], text: str) -> Geodetic | None:
    # "longtitude" is DJI's own
    latitude, longitude = values.get("latitude"), values.get("longitude", values.get("longtitude"))
    old = OLD_GPS.search(text)
    if latitude is None and old:
        longitude, latitude = (float(value) for value in old.groups())
    height = next((values[key] for key in HEIGHTS if key in values), None)
    if latitude is None or longitude is None or height is None:
        return None
    # zero is what is said before satellites are found
    is_known = (latitude != 0 or longitude != 0) and abs(latitude) <= 90 and abs(longitude) <= 180
    return Geodetic(latitude, longitude, height) if is_known and np.isfinite(height) else None

# SPDX-License-Identifier: BSD-3-Clause
"""Where a photograph was taken, by the satellites' part of its EXIF (CIPA DC-008, GPS attributes)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from camera_relocalization_ros.aircraft.local_frame import Geodetic

# what Pillow raises of files and numbers that are none
FAULTS = (OSError, UnidentifiedImageError, ValueError, TypeError, LookupError, ArithmeticError, SyntaxError)
BELOW_SEA = (1, b"\x01")


def exif_place(path: Path) -> Geodetic | None:
    """The place of a photograph; None where it says none that can be. Heights are as the camera has them.

    Phones and DJI's cameras say metres above the sea or above the ellipsoid, and seldom which.
    """
    try:
        with Image.open(path) as image:
            gps = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        tags = ExifTags.GPS
        latitude = _degrees(gps[tags.GPSLatitude], gps[tags.GPSLatitudeRef] == "S")
        longitude = _degrees(gps[tags.GPSLongitude], gps[tags.GPSLongitudeRef] == "W")
        height = float(gps[tags.GPSAltitude])
        height = -height if gps.get(tags.GPSAltitudeRef, 0) in BELOW_SEA else height
    except FAULTS:
        return None
    is_known = latitude != 0 or longitude != 0
    is_place = abs(latitude) <= 90 and abs(longitude) <= 180 and np.isfinite(height)
    return Geodetic(latitude, longitude, height) if is_known and is_place else None


def _degrees(parts: tuple[float, float, float], is_negative: bool) -> float:
    degrees, minutes, seconds = map(float, parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if is_negative else value

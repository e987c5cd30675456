# SPDX-License-Identifier: BSD-3-Clause
"""Where a photograph was taken, by its EXIF."""

import pytest

pytest.importorskip("PIL", reason="EXIF")
from PIL import Image

from camera_relocalization_ros.data.footage.exif_places import exif_place

GPS = {1: "S", 2: (48.0, 8.0, 1.2345), 3: "W", 4: (11.0, 30.0, 0.0), 5: b"\x00", 6: 481.25}


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({}, (-(48 + 8 / 60 + 1.2345 / 3600), -11.5, 481.25)),
        ({1: "N", 3: "E", 5: b"\x01", 6: 2.5}, (48 + 8 / 60 + 1.2345 / 3600, 11.5, -2.5)),
        ({6: None}, None),
        ({2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)}, None),
        ({2: (98.0, 0.0, 0.0)}, None),
    ],
)
def test_the_place_is_that_of_the_satellites(tmp_path, changed, expected):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({key: value for key, value in {**GPS, **changed}.items() if value is not None})
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", exif=exif)
    place = exif_place(tmp_path / "a.jpg")
    assert (place is None) == (expected is None)
    if place is not None:
        assert (place.latitude_deg, place.longitude_deg, place.height_m) == pytest.approx(expected, abs=1e-7)


def test_a_picture_without_exif_and_a_file_that_is_none_have_no_place(tmp_path):
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    assert exif_place(tmp_path / "a.png") is None and exif_place(tmp_path / "b.jpg") is None

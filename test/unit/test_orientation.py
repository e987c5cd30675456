# SPDX-License-Identifier: BSD-3-Clause
"""Orientations in JPEG files are ignored wherever a picture is decoded: intrinsics and poses are of the stored one."""

import re
import struct
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers import encoded, fake_image_rgb

import camera_relocalization_ros
from camera_relocalization_ros.core.image_files import decode_image, load_image
from camera_relocalization_ros.data.dataset import load_image_rgb
from camera_relocalization_ros.data.doctor import axes, image_measures
from camera_relocalization_ros.report.pages import doctor_page, thumbnails

JPEG = encoded(fake_image_rgb(0), ".jpg")
HEIGHT, WIDTH = fake_image_rgb(0).shape[:2]


def turned(jpeg, orientation):
    """The same file with an EXIF orientation; 6 is a phone held upright."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


PLACES = {
    "core, path": lambda path: load_image(path, cv2.IMREAD_COLOR),
    "core, bytes": lambda path: decode_image(path.read_bytes(), cv2.IMREAD_COLOR),
    "core, bytes at an eighth": lambda path: decode_image(path.read_bytes(), cv2.IMREAD_REDUCED_GRAYSCALE_8),
    "data set": load_image_rgb,
    "axes": lambda path: axes._load_grey(SimpleNamespace(image_path=path), WIDTH),
    "measures": lambda path: np.array(image_measures._measure(image_measures._Job(path, False, False)).row[:6]),
    "measures, kept": lambda path: image_measures._measure(image_measures._Job(path, False, True)).grey,
    "thumbnails, narrow": lambda path: thumbnails._small(path, thumbnails.NARROW),
    "thumbnails, wide": lambda path: thumbnails._small(path, 2 * thumbnails.NARROW),
    "doctor's page": doctor_page._thumbnail,
}


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("place", PLACES)
def test_orientation_is_ignored(tmp_path, place, orientation):
    (tmp_path / "stored.jpg").write_bytes(JPEG)
    (tmp_path / "turned.jpg").write_bytes(turned(JPEG, orientation))
    # OpenCV does turn it when it is not told otherwise
    assert not np.array_equal(cv2.imread(str(tmp_path / "turned.jpg")), cv2.imread(str(tmp_path / "stored.jpg")))
    expected, found = (PLACES[place](tmp_path / name) for name in ("stored.jpg", "turned.jpg"))
    np.testing.assert_array_equal(found, expected)


def test_sizes_are_the_stored_ones(tmp_path):
    (tmp_path / "a.jpg").write_bytes(turned(JPEG, 6))
    assert load_image_rgb(tmp_path / "a.jpg").shape == (HEIGHT, WIDTH, 3)
    job = image_measures._Job(tmp_path / "a.jpg", False, False)
    assert image_measures._measure(job).row[4:6] == (WIDTH, HEIGHT)


def test_pictures_are_decoded_in_one_place_only():
    root = Path(camera_relocalization_ros.__file__).parent
    found = {
        str(p.relative_to(root)) for p in root.rglob("*.py") if re.search(r"cv2\.im(read|decode)\(", p.read_text())
    }
    # the simulation decodes what it has just encoded
    assert found == {"core/image_files.py", "ros/bags/simulation_bag.py"}

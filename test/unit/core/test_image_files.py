# SPDX-License-Identifier: BSD-3-Clause
import os
import struct
import zlib

import cv2
import pytest
from helpers import encoded, fake_image_rgb

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import (
    MAX_PIXELS,
    decode_grey,
    decode_image,
    image_fault,
    image_size,
    load_image,
    read_image_file,
)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_whole_files_decode_and_tell_their_size(suffix):
    data = encoded(fake_image_rgb(1, 97, 31), suffix)
    assert image_size(data) == (97, 31)
    assert image_fault(data) == ""
    assert decode_image(data, cv2.IMREAD_COLOR).shape == (31, 97, 3)


def test_the_size_is_found_behind_what_cameras_write_before_it():
    data = encoded(fake_image_rgb(1, 97, 31), ".jpg")
    # a comment that looks like the header of another size, and filling between the segments
    comment = b"\xff\xc0\x00\x11\x08\x7f\xff\x7f\xff\x03"
    extended = data[:2] + b"\xff\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment + data[2:]
    assert image_size(extended) == (97, 31)
    assert decode_image(extended, cv2.IMREAD_COLOR).shape == (31, 97, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_file_that_was_cut_short_is_refused_not_painted_grey(tmp_path, suffix):
    data = encoded(fake_image_rgb(1, 200, 100), suffix)
    assert "cut short" in image_fault(data[: len(data) * 2 // 3])
    (tmp_path / "cut").write_bytes(data[: len(data) * 2 // 3])
    assert load_image(tmp_path / "cut", cv2.IMREAD_COLOR) is None


def test_a_size_that_no_sensor_has_is_refused_before_memory_is_taken():
    data = encoded(fake_image_rgb(1), ".png")
    header = b"IHDR" + struct.pack(">II", 9000, MAX_PIXELS // 9000 + 1) + data[24:29]
    claiming = data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    assert "header claims 9000x7457 pixels" in image_fault(claiming)
    assert decode_image(claiming, cv2.IMREAD_COLOR) is None


def test_what_is_no_plain_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DatasetError, match="pipe: expected a plain file"):
        read_image_file(tmp_path / "pipe")
    assert image_fault(b"") == "it is empty"
    assert image_fault(b"no picture of ours") == "neither JPEG nor PNG"


def test_grey_of_a_jpeg_is_decoded_at_the_part_of_its_size_that_is_wide_enough():
    image_rgb = fake_image_rgb(1, 640, 360)
    jpeg, png = encoded(image_rgb, ".jpg"), encoded(image_rgb, ".png")
    shapes = {width: decode_grey(jpeg, width).shape for width in (640, 321, 320, 160, 80, 8)}
    assert shapes == {640: (360, 640), 321: (360, 640), 320: (180, 320), 160: (90, 160), 80: (45, 80), 8: (45, 80)}
    assert decode_grey(png, 80).shape == (360, 640)
    assert abs(decode_grey(jpeg, 160).mean() - decode_grey(png, 640).mean()) < 2
    assert decode_grey(b"no picture of ours", 80) is None

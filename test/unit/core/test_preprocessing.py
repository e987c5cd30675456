# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
import pytest

from camera_relocalization_ros.core.errors import ShapeError
from camera_relocalization_ros.core.plain_values import from_plain
from camera_relocalization_ros.core.preprocessing import Preprocessing


def noise(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    "image, whole", [((1280, 720), (398, 224)), ((640, 480), (298, 224)), ((720, 1280), (224, 398))]
)
def test_a_square_is_the_middle_of_an_image_whose_shorter_side_fits(image, whole):
    square = Preprocessing.for_image(224, *image, square=True)
    assert (square.width, square.height, square.whole, square.is_cropped) == (224, 224, whole, True)
    pixels = noise(*image)
    resized = cv2.resize(pixels, whole, interpolation=cv2.INTER_AREA)
    left, top = whole[0] // 2 - 112, whole[1] // 2 - 112
    np.testing.assert_array_equal(square.apply(pixels), resized[top : top + 224, left : left + 224])


def test_an_object_is_as_large_as_the_thesis_saw_it():
    image = np.zeros((720, 1280, 3), np.uint8)
    image[310:410, 590:690] = 255  # a hundred pixels wide
    seen = {square: Preprocessing.for_image(224, 1280, 720, square).apply(image) for square in (True, False)}
    areas = {square: (pixels[..., 0] > 127).sum() for square, pixels in seen.items()}
    assert np.sqrt(areas[True] / areas[False]) == pytest.approx(1280 / 720, rel=0.05)


def test_without_a_crop_all_is_as_it_was():
    size = Preprocessing.for_image(320, 640, 480)
    assert size == Preprocessing(320, 240) and not size.is_cropped and size.whole == (320, 240)
    assert size.to_dict() == {"width": 320, "height": 240}
    pixels = noise(640, 480)
    expected = cv2.resize(pixels, (320, 240), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(size.apply(pixels), expected)


def test_files_carry_a_crop_and_those_without_read_as_before():
    square = Preprocessing.for_image(32, 64, 48, square=True)
    assert from_plain(Preprocessing, square.to_dict()) == square
    assert from_plain(Preprocessing, {"width": 32, "height": 24}) == Preprocessing(32, 24)


def test_twice_the_size_is_the_same_part_of_the_image():
    square = Preprocessing.for_image(32, 64, 48, square=True)
    assert square.scaled(2) == Preprocessing(64, 64, 84, 64) and square.uncropped() == Preprocessing(42, 32)


def test_images_of_another_shape_are_refused_with_a_crop_too():
    square = Preprocessing.for_image(224, 1280, 720, square=True)
    square.check_size(640, 360)
    with pytest.raises(ShapeError, match="640x480 pixels; expected the aspect ratio of 398x224"):
        square.check_size(640, 480)

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from colour_bundle import COLOUR_BUNDLE, QUAT_XYZW, known_position
from helpers import fake_image_rgb

from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.localization.relocalizer import Relocalizer


def test_the_bundle_of_the_integration_tests_answers_as_it_says():
    relocalizer = Relocalizer.from_bundle(COLOUR_BUNDLE)
    for number, image_rgb in enumerate(fake_image_rgb(seed) for seed in range(3)):
        estimate = relocalizer.estimate(image_rgb, 1 + number * 100_000_000)
        np.testing.assert_allclose(estimate.position, known_position(image_rgb), atol=1e-5)
        np.testing.assert_allclose(estimate.quat_xyzw, QUAT_XYZW, atol=1e-6)
        assert estimate.window_length == min(number + 1, 2)


def test_white_images_have_no_answer():
    relocalizer = Relocalizer.from_bundle(COLOUR_BUNDLE)
    with pytest.raises(FrameError, match="no pose"):
        relocalizer.estimate(np.full((48, 64, 3), 255, np.uint8), 1)

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from camera_relocalization_ros.vision.image_parts import painted_over


def test_painting_over_uses_what_is_around():
    image = np.full((48, 64, 3), 90, np.uint8)
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 20:50] = 255
    image[mask > 0] = 250
    assert np.abs(painted_over(image, mask).astype(int) - 90).max() <= 2

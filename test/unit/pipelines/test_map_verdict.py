# SPDX-License-Identifier: BSD-3-Clause
"""What is said of a map, by the poses that it gave for images that it did not know."""

from pathlib import Path

import numpy as np
import pytest

from camera_relocalization_ros.pipelines.build_map import FEW_LANDMARKS, BuiltMap


def verdict(found: int, tried: int, off_deg: float, landmarks: int = 10 * FEW_LANDMARKS) -> str:
    errors = np.tile([0.01, np.radians(off_deg)], (found, 1))
    # only the number of landmarks is asked for
    return BuiltMap(Path("bundle"), range(landmarks), tried, 1000, errors, tried, "").verdict


@pytest.mark.parametrize(
    "found, tried, off_deg, says",
    [
        (26, 50, 0.2, "good: "),
        (26, 50, 24.5, "BAD: half of the poses from landmarks are off by 24.5 deg or more"),
        (10, 50, 0.2, "BAD: 10 of 50 images got a pose"),
        (0, 0, 0.0, "good: "),
    ],
)
def test_a_map_is_good_where_most_images_get_a_right_pose(found, tried, off_deg, says):
    assert verdict(found, tried, off_deg).startswith(says)


def test_few_landmarks_are_told_first():
    assert verdict(26, 50, 24.5, FEW_LANDMARKS - 1).startswith(f"BAD: {FEW_LANDMARKS - 1} landmarks are few")

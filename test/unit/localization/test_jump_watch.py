# SPDX-License-Identifier: BSD-3-Clause
"""What is followed does not jump further than a camera can have moved."""

from dataclasses import dataclass

import numpy as np
import pytest

from camera_relocalization_ros.localization.landmarks.jump_watch import JumpWatch


@dataclass
class Found:
    """As much of a refinement as counts."""

    position: np.ndarray
    covariance: np.ndarray


def jumps(times_s, positions_m, deviation_m=0.005, metre=1.0):
    """What a watch says of poses along x."""
    watch, deviations = JumpWatch(metre), np.broadcast_to(deviation_m, len(times_s))
    return [
        watch.jump(int(t * 1e9), Found(np.array([x, 0.0, 0.0]), sd**2 * np.eye(6)))
        for t, x, sd in zip(times_s, positions_m, deviations)
    ]


def test_a_picture_that_is_cropped_from_one_image_to_the_next_makes_a_jump():
    times, way = np.arange(6) / 10, 1.5 * np.arange(6) / 10
    assert not any(jumps(times, way))
    shifted = way + 0.4 * (np.arange(6) >= 3)
    said = jumps(times, shifted)
    assert [bool(text) for text in said[:4]] == [False, False, False, True]
    assert said[3] == "followed landmarks jumped by 0.40 m in 0.10 s: all are searched for again"


@pytest.mark.parametrize("acceleration, is_jump", [(12.0, False), (40.0, True)])
@pytest.mark.parametrize("rate", [10, 30])
def test_it_takes_more_than_a_camera_can_be_accelerated_with(acceleration, is_jump, rate):
    times = np.arange(8) / rate
    assert any(jumps(times, acceleration * times**2 / 2, deviation_m=0.001)) == is_jump


def test_uncertain_poses_may_lie_further_apart_and_units_need_not_be_metres():
    times, steps = np.arange(3) / 30, [0.0, 0.03, 0.18]
    assert any(jumps(times, steps)) and not any(jumps(times, steps, deviation_m=0.015))
    assert not any(jumps(times, steps, metre=10.0))
    assert "1.20 units" in jumps(times, np.multiply(steps, 10), metre=10.0)[2]


def test_after_a_gap_nothing_is_known_of_the_speed():
    assert not any(jumps([0.0, 0.1, 0.9, 1.0], [0.0, 0.0, 3.0, 3.0]))
    assert not any(jumps([0.0, 0.1], [0.0, 3.0]))


def test_what_a_search_found_does_not_jump_from_few_landmarks_that_it_takes_the_place_of():
    times, off = np.arange(4) / 10, [0.8, 0.9, 0.0, 0.01]
    assert any(jumps(times, off))
    assert not any(jumps(times, off, deviation_m=[0.4, 0.4, 0.005, 0.005]))
    # what was exact does not make up for what is not
    assert not any(jumps(times, off, deviation_m=[0.005, 0.005, 0.4, 0.005]))

# SPDX-License-Identifier: BSD-3-Clause
"""A driver that repeats its last pictures with new stamps."""

import numpy as np
import pytest

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.ros.node.frozen_picture import FrozenPicture

PERIOD_NS = 10**8
CAMERA, OTHER = b"\x01" * 100, b"\x01" * 99 + b"\x02"


def estimate(number, state=State.OK):
    return Estimate(number * PERIOD_NS, Pose(np.zeros(3), np.array([0, 0, 0, 1.0])), 1, 0.0, np.zeros(1), state, "")


def states(watch, pictures, after_s=1.0, first=0):
    return [watch.judged(estimate(first + n), data, after_s).state for n, data in enumerate(pictures)]


def test_a_picture_that_stays_the_same_is_not_ok_for_long():
    watch = FrozenPicture()
    # each sent as a message of its own
    assert states(watch, [bytes(bytearray(CAMERA)) for _ in range(15)]) == [State.OK] * 10 + [State.DEGRADED] * 5
    found = watch.judged(estimate(15), CAMERA, 1.0)
    assert found.state is State.DEGRADED and "the same, to the bit, for 1.5 s" in found.reason
    # by one bit another one
    assert states(watch, [OTHER, CAMERA], first=16) == [State.OK] * 2


@pytest.mark.parametrize("after_s", [0.0, 1.0])
def test_noise_is_enough_and_0_asks_for_nothing(after_s):
    pictures = [CAMERA if after_s == 0 else bytes([n]) for n in range(30)]
    assert states(FrozenPicture(), pictures, after_s) == [State.OK] * 30


@pytest.mark.parametrize("buffers, is_told", [(2, True), (4, True), (8, False)])
def test_buffers_that_a_driver_hands_out_one_after_the_other_are_no_new_pictures(buffers, is_told):
    pictures = [bytes([n % buffers]) for n in range(30)]
    late = buffers - 1 + 10
    expected = [State.OK] * late + [State.DEGRADED] * (30 - late) if is_told else [State.OK] * 30
    assert states(FrozenPicture(), pictures) == expected


def test_each_picture_sent_twice_and_a_bag_that_starts_again_are_none():
    assert states(FrozenPicture(), [n // 2 * b"\x01" for n in range(30)]) == [State.OK] * 30
    watch = FrozenPicture()
    assert states(watch, [CAMERA] * 3, first=100) == states(watch, [CAMERA] * 3) == [State.OK] * 3


def test_what_is_not_ok_keeps_its_reason():
    watch = FrozenPicture()
    for number in range(20):
        lost = estimate(number, State.LOST)
        assert watch.judged(lost, CAMERA, 1.0) is lost

# SPDX-License-Identifier: BSD-3-Clause
"""Two cameras on one topic, and a driver whose clock goes to and fro."""

import pytest

from camera_relocalization_ros.ros import often
from camera_relocalization_ros.ros.node.arrival_watch import ArrivalWatch

PERIOD_NS = 10**8


@pytest.fixture
def watch(monkeypatch):
    """One whose clock is advanced by hand."""
    now_s = [100.0]
    monkeypatch.setattr(often.time, "monotonic", lambda: now_s[0])
    made = ArrivalWatch()
    made.advance = lambda seconds: now_s.__setitem__(0, now_s[0] + seconds)
    return made


def arrive(watch, senders, stamps):
    for sender, stamp in zip(senders, stamps):
        watch.note(sender, stamp * PERIOD_NS)
        watch.advance(0.1)
    return watch.complaint


def test_a_camera_is_fine_also_when_it_is_started_again_or_its_bag_is_looped(watch):
    assert arrive(watch, ["/play_1"] * 80, [*range(1, 41), *range(1, 41)]) == ""
    assert arrive(watch, ["/play_2"] * 80, [*range(1, 41), *range(1, 41)]) == ""


def test_two_cameras_on_one_topic_are_named_until_one_ends(watch):
    says = arrive(watch, ["/right", "/left"] * 5, range(10))
    assert says == "images come by turns from /left and /right: two cameras on one topic?"
    assert arrive(watch, ["/left"] * 60, range(10, 70)) == ""


def test_stamps_that_go_to_and_fro_are_told(watch):
    stamps = [k + 36_000 * (k % 2) for k in range(10)]
    assert arrive(watch, ["/camera"] * 10, stamps) == "stamps of images from /camera go back again and again"
    assert arrive(watch, ["/camera"] * 60, range(50_000, 50_060)) == ""

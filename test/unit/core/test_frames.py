# SPDX-License-Identifier: BSD-3-Clause
import pytest

from camera_relocalization_ros.core.frames import FramePair, bare_frame


def test_a_leading_slash_is_no_part_of_a_name():
    assert bare_frame("/map") == bare_frame("map") == "map"
    assert bare_frame("/wing/base_link") == "wing/base_link"
    assert FramePair("/map", "/camera") == FramePair("map", "camera")


def test_a_mismatch_names_both_pairs():
    found, expected = FramePair("map", "camera"), FramePair("hall", "camera")
    assert found.mismatch(expected, "the truth has") == "poses of 'camera' in 'map'; the truth has 'camera' in 'hall'"
    assert found.mismatch(FramePair("/map", "camera"), "the truth has") == ""


@pytest.mark.parametrize(("parent", "child"), [("map", "/map"), ("", "camera"), ("map", "/")])
def test_one_frame_or_none_is_no_pair_of_two(parent, child):
    assert not FramePair(parent, child).are_two
    assert FramePair("map", "camera").are_two

# SPDX-License-Identifier: BSD-3-Clause
"""TF as the node hears it: a frame that is on /tf and on /tf_static with other values has no pose at a stamp."""

import numpy as np
import pytest
import rospy
import tf2_ros
from ros_helpers import transform
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.ros import often
from camera_relocalization_ros.ros.node.outputs.tf_memory import TfMemory

TURNED = (0.0, 0.0, 0.6, 0.8)


@pytest.fixture
def memory(monkeypatch):
    """Without a master: what is heard is handed to it."""
    monkeypatch.setattr(rospy.rostime, "_rostime_initialized", True)
    found = TfMemory()
    yield found
    found.unregister()


def said(second, parent, child, x, quat_xyzw=(0.0, 0.0, 0.0, 1.0), sender="/somebody"):
    """A message of one transform, as it arrives."""
    message = TFMessage([transform(second * 10**9, parent, child, (x, 0.0, 0.0), quat_xyzw)])
    message._connection_header = {"callerid": sender}
    return message


def hear_moving(memory, child, *quats):
    """A frame on /tf that moves by a metre a second, from 1 s to 5 s."""
    for second in range(1, 6):
        memory.callback(said(second, "base", child, float(second), *quats))


def x_at(memory, seconds, target="base", source="camera"):
    """Where a frame was in another."""
    return memory.pose(target, source, rospy.Time.from_sec(seconds)).position[0]


@pytest.mark.parametrize("static_first", [True, False])
def test_a_frame_on_both_topics_with_other_values_has_no_pose(memory, static_first):
    if static_first:
        memory.static_callback(said(0, "base", "camera", 0.0))
    hear_moving(memory, "camera")
    if not static_first:
        memory.static_callback(said(3, "base", "camera", 0.0))
    for target, source in (("base", "camera"), ("/camera", "base"), ("base", "lens")):
        memory.static_callback(said(0, "camera", "lens", 1.0))
        with pytest.raises(tf2_ros.TransformException, match="frame 'camera' is on /tf and on /tf_static with other"):
            x_at(memory, 2.5, target, source)


def test_frames_beside_it_and_below_it_have_theirs(memory):
    memory.static_callback(said(0, "base", "camera", 0.0))
    hear_moving(memory, "camera")
    hear_moving(memory, "wing")
    memory.static_callback(said(0, "camera", "lens", 1.0))
    np.testing.assert_allclose([x_at(memory, 2.5, source="wing"), x_at(memory, 9.0, "camera", "lens")], [2.5, 1.0])


def test_a_static_pose_that_an_old_publisher_repeats_is_one(memory):
    memory.static_callback(said(0, "base", "camera", 3.0, TURNED))
    for second in range(1, 6):
        memory.callback(said(second, "/base", "/camera", 3.0 + 1e-9, [-part for part in TURNED]))
    assert abs(x_at(memory, 2.5) - 3.0) < 1e-6
    # what tf2 does not take does not count
    memory.callback(said(6, "base", "camera", float("nan")))
    assert abs(x_at(memory, 2.5) - 3.0) < 1e-6


@pytest.mark.parametrize("parent", ["base", "room"])
def test_a_frame_of_two_nodes_has_no_pose_until_one_ends(memory, monkeypatch, parent):
    """As of a placement that is launched beside motion capture: poses by it would go to and fro."""
    now_s = [100.0]
    monkeypatch.setattr(often.time, "monotonic", lambda: now_s[0])
    for second in range(1, 6):
        memory.callback(said(second, "base", "camera", float(second)))
        memory.callback(said(second, parent, "camera", float(second) + 0.5 * (parent == "base"), sender="/rival"))
        memory.callback(said(second, "base", "wing", float(second)))
    with pytest.raises(
        tf2_ros.TransformException, match="frame 'camera' is broadcast by /rival and /somebody by turns"
    ):
        x_at(memory, 4.0, target=parent)
    assert x_at(memory, 4.5, source="wing") == 4.5
    now_s[0] += 10.0
    for second in (6, 7):
        memory.callback(said(second, "base", "camera", float(second)))
    assert x_at(memory, 6.5) == 6.5


def test_a_relay_and_a_node_that_was_started_again_are_no_rivals(memory):
    for second in range(1, 6):
        memory.callback(said(second, "base", "camera", float(second)))
        memory.callback(said(second, "base", "camera", float(second), sender="/relay"))
    memory.callback(said(6, "base", "camera", 9.0, sender="/somebody_again"))
    assert x_at(memory, 4.5) == 4.5


@pytest.mark.parametrize("ahead_s", [5, 3600])
def test_a_stamp_far_ahead_does_not_end_what_is_heard_of_a_frame(memory, ahead_s):
    memory.static_callback(said(0, "camera", "lens", 1.0))
    memory.callback(said(1 + ahead_s, "base", "camera", 0.0))
    hear_moving(memory, "camera")
    assert x_at(memory, 3.5) == pytest.approx(3.5)
    assert x_at(memory, 3.5, "base", "lens") == pytest.approx(4.5)


def test_a_bag_that_is_started_again_without_its_clock_is_heard_again(memory):
    memory.callback(said(60, "base", "camera", 9.0))
    hear_moving(memory, "camera")
    with pytest.raises(tf2_ros.TransformException):
        x_at(memory, 60.0)
    assert x_at(memory, 4.5) == pytest.approx(4.5)

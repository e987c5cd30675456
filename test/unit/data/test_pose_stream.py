# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from helpers import START_NS

from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.pose_stream import GAP, JUMP, OUTSIDE, STALE, PoseStream, StreamLimits

MS = 1_000_000
IDENTITY = (0.0, 0.0, 0.0, 1.0)


def moving(count=200, period_ms=10.0, speed=1.0):
    stamps_ns = START_NS + np.round(np.arange(count) * period_ms * MS).astype(np.int64)
    x = np.arange(count) * period_ms * 1e-3 * speed
    positions = np.stack([x, np.zeros(count), np.ones(count)], axis=1)
    return Trajectory(stamps_ns, positions, np.tile(IDENTITY, (count, 1)))


def changed(poses, positions):
    return Trajectory(poses.stamps_ns, positions, poses.quats_xyzw)


def faults(poses, at_ms, **limits):
    stream = PoseStream(poses, StreamLimits(**limits))
    return list(stream.faults(START_NS + np.round(np.array(at_ms) * MS).astype(np.int64)))


def test_sound_stream_is_trusted_and_its_ends_are_the_end():
    assert faults(moving(), [0, 5, 1000, 1990, -0.001, 1990.001]) == ["", "", "", "", OUTSIDE, OUTSIDE]


def test_gap_of_the_limit_is_bridged_and_no_longer_one():
    poses = moving(400).select(np.r_[0:100, 110:400])  # 0.99 s to 1.1 s is missing
    assert faults(poses, [1050], max_gap_s=0.11) == [""]
    assert faults(poses, [985, 990, 991, 1099, 1100], max_gap_s=0.109) == ["", "", GAP, GAP, ""]


def test_frozen_tracker_is_stale_from_the_first_repeat_to_the_next_change():
    poses = moving()
    positions = poses.positions.copy()
    positions[100:140] = positions[100]
    poses = changed(poses, positions)
    assert faults(poses, [995, 1000, 1001, 1200, 1399, 1400]) == ["", "", STALE, STALE, STALE, ""]


def test_tracker_frozen_to_the_end_is_stale():
    poses = moving()
    positions = poses.positions.copy()
    positions[150:] = positions[150]
    assert faults(changed(poses, positions), [1500, 1501, 1990]) == ["", STALE, STALE]


def test_single_repeats_of_a_fast_republisher_are_no_fault():
    poses = moving()
    positions = poses.positions.copy()
    positions[1::2] = positions[0::2]
    assert set(faults(changed(poses, positions), np.arange(0, 1980, 7))) == {""}


def test_fixed_object_and_joint_may_repeat_themselves():
    poses = moving()
    still = changed(poses, np.ones((200, 3)))
    assert faults(still, [5, 1000]) == ["", ""]
    put_elsewhere = np.ones((200, 3))
    put_elsewhere[100:] += 2.0
    assert faults(changed(poses, put_elsewhere), [5, 1500]) == ["", ""]


@pytest.mark.parametrize("length", [1, 30])
def test_swapped_markers_are_a_jump_until_they_swap_back(length):
    poses = moving()
    positions = poses.positions.copy()
    positions[100 : 100 + length] += [0.5, 0.0, 0.0]
    found = faults(changed(poses, positions), [989, 990, 991, 1000, 1000 + 10 * length - 1, 1000 + 10 * length])
    assert found == ["", "", JUMP, JUMP, JUMP, ""]


def test_after_a_long_stretch_only_the_jump_itself_is_bad():
    poses = moving(600)
    positions = poses.positions.copy()
    positions[200:400] += [0.5, 0.0, 0.0]
    assert faults(changed(poses, positions), [1985, 1995, 2000, 3000, 3995, 4005]) == ["", JUMP, "", "", JUMP, ""]


def test_turns_that_no_gimbal_makes_are_jumps():
    poses = moving()
    quats = poses.quats_xyzw.copy()
    quats[100:110] = (0.0, 0.0, 1.0, 0.0)
    turned = Trajectory(poses.stamps_ns, poses.positions, quats)
    assert faults(turned, [985, 1050, 1105]) == ["", JUMP, ""]


def test_sign_flips_of_the_quaternion_are_no_jumps():
    poses = moving()
    flipped = Trajectory(
        poses.stamps_ns, poses.positions, poses.quats_xyzw * np.where(np.arange(200) % 2, 1, -1)[:, None]
    )
    assert set(faults(flipped, np.arange(0, 1990, 3))) == {""}


def test_jittering_stamps_make_no_jumps():
    rng = np.random.default_rng(0)
    poses = moving(speed=5.0)
    jitter_ns = np.round(rng.uniform(-4.99, 4.99, 200) * MS).astype(np.int64)
    jittered = Trajectory(poses.stamps_ns + jitter_ns, poses.positions, poses.quats_xyzw)
    assert set(faults(jittered, np.arange(20, 1970, 3))) == {""}


def test_one_pose_answers_its_own_stamp_only():
    assert faults(moving(1), [-1, 0, 1]) == [OUTSIDE, "", OUTSIDE]

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.attitude import GAP, OUTSIDE, AttitudeJoin, attitude_at
from camera_relocalization_ros.aircraft.dji import CONVENTIONS
from camera_relocalization_ros.aircraft.gimbal_joints import GimbalJoints, joint_track
from camera_relocalization_ros.core.geometry import angular_distance

MS = 1_000_000
START_NS = 1_500_000_000_000_000_000
STILL = np.array([0.0, 0.0, 0.0, 1.0])


def heading(*angles_deg):
    return Rotation.from_euler("z", np.reshape(angles_deg, (-1, 1)), degrees=True).as_quat()


def test_attitude_halfway_at_the_limit_beyond_it_and_outside():
    stamps_ns = START_NS + MS * np.array([0, 10, 110, 211])
    wanted_ns = START_NS + MS * np.array([-1, 0, 5, 60, 150, 211, 212])
    faults, quats = attitude_at(stamps_ns, heading(0, 10, 60, 90), wanted_ns, 0.1)
    assert list(faults) == [OUTSIDE, "", "", "", GAP, "", OUTSIDE]
    np.testing.assert_allclose(quats, heading(0, 5, 35, 90), atol=1e-9)


def test_the_short_way_is_taken_whatever_the_quaternions_sign():
    stamps_ns = np.array([0, 10])
    _, quats = attitude_at(stamps_ns, np.array([heading(0)[0], -heading(20)[0]]), [5], 1.0)
    assert np.degrees(angular_distance(quats, heading(10))) < 1e-6


def test_no_attitude_at_all():
    faults, quats = attitude_at([], np.zeros((0, 4)), [1, 2], 1.0)
    assert list(faults) == [OUTSIDE, OUTSIDE]
    assert quats.shape == (0, 4)


def samples(count=40, seed=0):
    """Attitudes at 100 Hz and gimbal samples at 50 Hz between them."""
    rng = np.random.default_rng(seed)
    attitude_ns = START_NS + 10 * MS * np.arange(count)
    gimbal_ns = START_NS + 20 * MS * np.arange(count // 2 - 1) + 7 * MS
    quats = Rotation.from_euler("ZYX", np.cumsum(rng.normal(0, 0.01, (count, 3)), axis=0)).as_quat()
    angles_deg = np.cumsum(rng.normal(0, 1, (len(gimbal_ns), 3)), axis=0) + [0, -30, 80]
    return (gimbal_ns, angles_deg), (attitude_ns, quats)


def feed(joints, gimbal, attitude, delay_ns=0):
    """All samples in the order of their stamps, the gimbal's that much later."""
    events = [(stamp, 0, joints.add_attitude, stamp, quat) for stamp, quat in zip(*attitude)]
    events += [(stamp + delay_ns, 1, joints.add_gimbal, stamp, angles) for stamp, angles in zip(*gimbal)]
    found = []
    for _, _, add, stamp, value in sorted(events, key=lambda event: event[:2]):
        found += add(int(stamp), value)
    return found


@pytest.mark.parametrize("delay_ms", [-45, 0, 45, 500])
def test_live_and_offline_give_the_same_joints_in_any_order_of_arrival(delay_ms):
    gimbal, attitude = samples()
    track, refused = joint_track(gimbal, attitude, CONVENTIONS["broadcast"])
    found = feed(GimbalJoints(CONVENTIONS["broadcast"]), gimbal, attitude, delay_ms * MS)
    assert not refused
    assert [one.stamp_ns for one in found] == list(track.stamps_ns) == list(gimbal[0])
    np.testing.assert_allclose(
        [one[1:] for one in found], np.stack([track.yaw, track.roll, track.pitch], 1), atol=1e-12
    )


def test_a_gap_in_the_attitude_is_refused_live_and_offline():
    gimbal, (attitude_ns, quats) = samples()
    keep = (attitude_ns < START_NS + 100 * MS) | (attitude_ns > START_NS + 250 * MS)
    attitude = (attitude_ns[keep], quats[keep])
    _, refused = joint_track(gimbal, attitude, CONVENTIONS["broadcast"])
    joints = GimbalJoints(CONVENTIONS["broadcast"])
    found = feed(joints, gimbal, attitude)
    # gimbal samples at 107, 127, ... 247 ms lie between the attitudes at 90 and 260 ms
    assert refused == joints.refused == {GAP: 8}
    assert len(found) == len(gimbal[0]) - 8


def test_time_that_goes_back_starts_anew():
    gimbal, attitude = samples()
    joints = GimbalJoints(CONVENTIONS["broadcast"])
    first = feed(joints, gimbal, attitude)
    again = feed(joints, gimbal, attitude)
    assert [one.stamp_ns for one in again] == [one.stamp_ns for one in first]
    # a gimbal sample of the second round before its attitude must not be joined with the first round's
    joints = GimbalJoints(CONVENTIONS["broadcast"])
    feed(joints, gimbal, attitude)
    assert joints.add_gimbal(int(gimbal[0][0]), np.array([0.0, -30.0, 80.0])) == []
    assert joints.add_attitude(int(attitude[0][0]), STILL) == []
    (found,) = joints.add_attitude(int(attitude[0][1]), STILL)
    # level and facing east: the joints are the camera's own angles, with yaw counted from east
    np.testing.assert_allclose(found[1:], np.radians([-10, 0, -30]), atol=1e-9)


def test_memory_is_bounded_when_one_stream_is_missing():
    join = AttitudeJoin(0.1)
    for number in range(1000):
        join.add_sample(START_NS + number * 20 * MS, "sample")
    assert len(join._waiting) <= 102
    assert join.refused[OUTSIDE] >= 890
    join = AttitudeJoin(0.1)
    for number in range(1000):
        join.add_attitude(START_NS + number * 10 * MS, STILL)
    assert len(join._attitudes) <= 202


def test_a_repeated_stamp_is_counted_once():
    join = AttitudeJoin(0.1)
    join.add_attitude(10, STILL)
    assert len(join.add_sample(10, "a")) == 1
    assert join.add_sample(10, "b") == []
    assert join.refused == {"repeated stamp": 1}

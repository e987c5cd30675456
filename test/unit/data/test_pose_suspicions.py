# SPDX-License-Identifier: BSD-3-Clause
"""Millimetres and clocks that are ahead are suspected, and the factor is said."""

import numpy as np
import pytest
from helpers import START_NS, fake_trajectory, write_fake_dataset

from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.doctor.recording_checks import check_scale
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.data.pose_suspicions import clock_suspicion, unit_suspicion

S = 10**9


def scaled(factor):
    poses = fake_trajectory(30)
    return Trajectory(poses.stamps_ns, factor * poses.positions, poses.quats_xyzw)


@pytest.mark.parametrize(("ahead_s", "says"), [(40, "40.0 s ahead of that"), (-3600, "3600.0 s behind that")])
def test_a_clock_that_is_off_is_said_with_its_delay(ahead_s, says):
    images = (START_NS, START_NS + 4 * S)
    poses = (START_NS + (ahead_s - 1) * S, START_NS + (ahead_s + 5) * S)
    assert says in clock_suspicion(images, poses)
    assert f"--image-delay {-ahead_s:.1f}" in clock_suspicion(images, poses)


def test_clocks_that_overlap_are_not_suspected():
    assert clock_suspicion((START_NS, START_NS + 4 * S), (START_NS + 3 * S, START_NS + 60 * S)) == ""


def test_millimetres_in_flight_are_too_fast_for_metres():
    assert unit_suspicion(scaled(1.0), StreamLimits()) == ""
    text = unit_suspicion(scaled(1000.0), StreamLimits())
    assert "positions in millimetres? With the factor 0.001 it is 0.51 m/s; in centimetres it were 5.10 m/s" in text
    # nothing flies so fast, in no unit
    assert unit_suspicion(scaled(1e6), StreamLimits()) == ""


def test_two_publishers_of_one_frame_are_no_other_unit():
    poses = scaled(1.0)
    positions = poses.positions.copy()
    positions[::2, 0] += 5.0
    text = unit_suspicion(Trajectory(poses.stamps_ns, positions, poses.quats_xyzw), StreamLimits())
    assert text == "positions go to and fro by 5 m from one pose to the next: two publishers of one frame?"


@pytest.mark.parametrize(
    ("offset_m", "level"),
    [((0, 0, 0), "OK"), ((1500, -800, 1200), "LOOK"), ((388096.25, 5548996.5, 130), "OK")],
)
def test_the_doctor_suspects_a_room_kilometres_away(tmp_path, offset_m, level):
    finding = check_scale(write_fake_dataset(tmp_path / "set", (5,), offset_m=np.array(offset_m, float)))
    assert finding.level == level
    assert ("millimetres, multiply by 0.001" in finding.sentence) == (level == "LOOK")

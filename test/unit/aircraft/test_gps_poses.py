# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest

from camera_relocalization_ros.aircraft.attitude import GAP, OUTSIDE
from camera_relocalization_ros.aircraft.gps_poses import GpsOptions, GpsPoses
from camera_relocalization_ros.aircraft.local_frame import RTK_FIXED, Fix, Geodetic

S, MS = 1_000_000_000, 1_000_000
START_NS = 1_500_000_000 * S
HOME = Geodetic(49.6265, 6.1590, 330.0)
LEVEL_NORTH = np.array([0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)])


def fix(at_ms, height_m):
    return Fix(START_NS + at_ms * MS, START_NS + at_ms * MS, replace(HOME, height_m=height_m))


def test_first_good_fix_is_the_origin():
    poses = GpsPoses(GpsOptions(orientation="none"))
    assert poses.add_fix(replace(fix(0, 300.0), has_fix=False)) == []
    assert poses.frame is None
    (first,) = poses.add_fix(fix(100, 330.0))
    (second,) = poses.add_fix(fix(200, 332.0))
    np.testing.assert_allclose(first.position, [0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(second.position, [0, 0, 2], atol=1e-9)
    np.testing.assert_array_equal(second.quat_xyzw, [0, 0, 0, 1])
    assert poses.skipped == {"no fix": 1}


def test_a_given_origin_stays():
    poses = GpsPoses(GpsOptions(HOME, orientation="none"))
    (first,) = poses.add_fix(fix(0, 340.0))
    np.testing.assert_allclose(first.position, [0, 0, 10], atol=1e-9)


def test_attitude_on_both_sides_makes_the_pose():
    poses = GpsPoses(GpsOptions(HOME))
    poses.add_attitude(START_NS, LEVEL_NORTH)
    assert poses.add_fix(fix(5, 331.0)) == []
    (pose,) = poses.add_attitude(START_NS + 10 * MS, LEVEL_NORTH)
    assert pose.stamp_ns == START_NS + 5 * MS
    np.testing.assert_allclose(pose.quat_xyzw, LEVEL_NORTH, atol=1e-9)
    poses.add_fix(fix(100, 332.0))
    assert poses.add_attitude(START_NS + 500 * MS, LEVEL_NORTH) == []
    poses.add_fix(fix(600, 333.0))
    poses.finish()
    assert poses.skipped == {GAP: 1, OUTSIDE: 1}


def test_attitude_of_older_aircraft():
    poses = GpsPoses(GpsOptions(HOME, attitude_axes="ned_frd"))
    poses.add_fix(fix(0, 331.0))
    (pose,) = poses.add_attitude(START_NS, np.array([0.0, 0.0, 0.0, 1.0]))  # nose north, level
    np.testing.assert_allclose(pose.quat_xyzw, LEVEL_NORTH, atol=1e-9)


def test_rtk_yaw_and_its_age():
    poses = GpsPoses(GpsOptions(HOME, orientation="rtk_yaw", rtk_minimum=RTK_FIXED))
    poses.add_rtk_status(START_NS, 50)
    assert poses.add_fix(fix(100, 331.0)) == []
    poses.add_rtk_yaw(START_NS + 200 * MS, 90)  # antenna 2 in the east, on the right: nose north
    (pose,) = poses.add_fix(fix(300, 332.0))
    np.testing.assert_allclose(pose.quat_xyzw, LEVEL_NORTH, atol=1e-9)
    assert poses.add_fix(fix(1100, 333.0)) == []
    poses.add_rtk_status(START_NS + 1200 * MS, 50)
    assert poses.add_fix(fix(1300, 334.0)) == []
    assert poses.skipped == {"RTK yaw unknown": 2, "RTK status unknown": 1}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_positions_are_metres_east_north_and_up(axis):
    import pymap3d

    wanted = np.eye(3)[axis] * 100
    place = Geodetic(*map(float, pymap3d.enu2geodetic(*wanted, HOME.latitude_deg, HOME.longitude_deg, HOME.height_m)))
    (pose,) = GpsPoses(GpsOptions(HOME, orientation="none")).add_fix(Fix(START_NS, START_NS, place))
    np.testing.assert_allclose(pose.position, wanted, atol=1e-6)

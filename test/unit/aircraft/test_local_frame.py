# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.local_frame import (
    RTK_FIXED,
    RTK_FLOAT,
    Fix,
    FixFilter,
    Geodetic,
    LocalFrame,
    rtk_yaw_quat,
)

S = 1_000_000_000
START_NS = 1_500_000_000 * S
HOME = Geodetic(49.6265, 6.1590, 330.0)
FIX = Fix(START_NS, START_NS, HOME)


def test_east_north_and_up_of_the_origin():
    frame = LocalFrame(HOME)
    # a step of 1e-4 degrees is an arc of the meridian's or the parallel's radius, both 330 m longer up here
    sine2 = np.sin(np.radians(HOME.latitude_deg)) ** 2
    a, e2 = 6378137.0, 0.00669437999  # WGS-84
    meridian = a * (1 - e2) / (1 - e2 * sine2) ** 1.5 + HOME.height_m
    parallel = (a / np.sqrt(1 - e2 * sine2) + HOME.height_m) * np.sqrt(1 - sine2)
    north, east = np.radians(1e-4) * meridian, np.radians(1e-4) * parallel
    places = [HOME, replace(HOME, latitude_deg=HOME.latitude_deg + 1e-4), replace(HOME, longitude_deg=6.1591)]
    places.append(replace(HOME, height_m=332.5))
    np.testing.assert_allclose(frame.enu(places), [[0, 0, 0], [0, north, 0], [east, 0, 0], [0, 0, 2.5]], atol=1e-4)
    assert frame.enu([]).shape == (0, 3)


def test_repeats_are_refused():
    fixes = FixFilter()
    assert fixes.fault(FIX) == ""
    assert fixes.fault(replace(FIX, place=replace(HOME, height_m=1.0))) == "repeated stamp"
    assert fixes.fault(replace(FIX, stamp_ns=START_NS + S)) == "repeated position"
    assert fixes.fault(replace(FIX, stamp_ns=START_NS + S, place=replace(HOME, height_m=1.0))) == ""


@pytest.mark.parametrize(
    ("fix", "reason"),
    [
        (replace(FIX, stamp_ns=0), "no stamp"),
        (replace(FIX, has_fix=False), "no fix"),
        (replace(FIX, place=Geodetic(0.0, 0.0, 0.0)), "no position"),
        (replace(FIX, place=Geodetic(float("nan"), 6.0, 0.0)), "no position"),
        (replace(FIX, place=Geodetic(91.0, 6.0, 0.0)), "no position"),
        (replace(FIX, place=replace(HOME, height_m=float("inf"))), "no height"),
    ],
)
def test_what_is_no_position(fix, reason):
    assert FixFilter().fault(fix) == reason


@pytest.mark.parametrize(
    ("minimum", "status", "age_s", "reason"),
    [
        (RTK_FIXED, 50, 0.0, ""),
        (RTK_FIXED, 48, 1.0, ""),
        (RTK_FIXED, 47, 0.1, "RTK status below 48"),
        (RTK_FIXED, 34, 0.1, "RTK status below 48"),
        (RTK_FLOAT, 34, 0.1, ""),
        (RTK_FLOAT, 17, 0.1, "RTK status below 32"),
        (RTK_FIXED, 50, 1.001, "RTK status unknown"),
        (RTK_FIXED, 50, -5.0, "RTK status unknown"),
        (RTK_FIXED, None, 0.0, "RTK status unknown"),
        (None, 0, 0.0, ""),
    ],
)
def test_rtk_gate(minimum, status, age_s, reason):
    fixes = FixFilter(minimum)
    if status is not None:
        fixes.add_rtk_status(START_NS - int(age_s * S), status)
    assert fixes.fault(FIX) == reason


@pytest.mark.parametrize(
    ("rtk_yaw_deg", "offset_deg", "nose"),
    [
        (90, 90, (0, 1, 0)),  # antenna 2 lies east of antenna 1, on the right of the nose: it points north
        (180, 90, (1, 0, 0)),  # south, right of the nose: east
        (-90, -90, (0, 1, 0)),  # antennas swapped: west, left of the nose: north
        (45, 0, (np.sqrt(0.5), np.sqrt(0.5), 0)),  # along the nose: north-east
    ],
)
def test_rtk_yaw(rtk_yaw_deg, offset_deg, nose):
    matrix = Rotation.from_quat(rtk_yaw_quat(rtk_yaw_deg, offset_deg)).as_matrix()
    np.testing.assert_allclose(matrix[:, 0], nose, atol=1e-12)
    np.testing.assert_allclose(matrix[:, 2], [0, 0, 1], atol=1e-12)

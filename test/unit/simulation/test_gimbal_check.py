# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import SyncError
from camera_relocalization_ros.data.gimbal_convention import Rotations, check_gimbal
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

# written without core.dji: north-east-down axes in east, north, up, and forward-right-down in forward-left-up
NED_IN_ENU = Rotation.from_matrix([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
FRD_IN_FLU = Rotation.from_euler("x", 180, degrees=True)
FIXED_FRAME = Rotation.from_euler("ZYX", [73, 10, -20], degrees=True)  # motion capture knows no north


def ned_angles(enu_flu):
    return (NED_IN_ENU.inv() * enu_flu * FRD_IN_FLU).as_euler("ZYX", degrees=True)


def flight(seconds=20.0, seed=3):
    """Body and camera link in ENU, as rotations at 50 Hz, and the optical frame in another fixed frame."""
    recording = Recording(FlightPlan(placement=6, duration_s=seconds, rate_hz=1.0, seed=seed))
    stamps_ns = recording.stamps_ns(50)
    t_s = recording.seconds(stamps_ns)
    body = Rotation.from_matrix(recording.flight.T_map_body(t_s)[:, :3, :3])
    link = Rotation.from_matrix(recording.flight.R_map_link(t_s))
    camera = Rotation.from_matrix(recording.flight.T_map_camera(t_s)[:, :3, :3])
    return stamps_ns, body, link, Rotations(stamps_ns, (FIXED_FRAME * camera).as_quat())


def written_as(name, stamps_ns, body, link):
    """The two topics as an aircraft of that convention writes them."""
    yaw, pitch, roll = ned_angles(link).T
    attitude = body
    if name == "broadcast":
        vectors = np.stack([roll, pitch, yaw], axis=1)
    elif name == "subscription":
        vectors = np.stack([pitch, roll, yaw], axis=1)
    elif name == "osdk32":
        vectors = np.stack([pitch, yaw, roll], axis=1)
        attitude = NED_IN_ENU.inv() * body * FRD_IN_FLU
    else:
        heading = ned_angles(body)[:, 0]
        vectors = np.stack([roll, pitch, (yaw - heading + 180) % 360 - 180], axis=1)
    return Rotations(stamps_ns, np.round(vectors, 1)), Rotations(stamps_ns, attitude.as_quat())


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize("name", ["broadcast", "subscription", "osdk32", "broadcast_body_yaw"])
def test_the_right_convention_is_named(name, seed):
    stamps_ns, body, link, reference = flight(seed=seed)
    gimbal, attitude = written_as(name, stamps_ns, body, link)
    verdict = check_gimbal(gimbal, False, attitude, reference)
    assert verdict.convention == name, verdict
    assert verdict.candidates[0].name == name
    assert verdict.candidates[0].median_deg < 0.15  # DJI's rounding
    assert verdict.candidates[0].out_of_range == 0
    assert len(verdict.candidates) == 4


@pytest.mark.parametrize("name", ["broadcast", "osdk32"])
def test_named_fields_need_no_order_but_poses_of_the_body(name):
    stamps_ns, body, link, reference = flight()
    _, attitude = written_as(name, stamps_ns, body, link)
    named = Rotations(stamps_ns, ned_angles(link)[:, ::-1])
    verdict = check_gimbal(named, True, attitude, reference)
    # the camera's angles are in NED in either; only the aircraft's own attitude differs
    assert verdict.convention == ""
    assert verdict.reason == "broadcast and osdk32 read the camera alike; poses of the body can tell them apart"
    verdict = check_gimbal(named, True, attitude, reference, Rotations(stamps_ns, (FIXED_FRAME * body).as_quat()))
    assert verdict.convention == name, verdict
    assert sorted(one.name for one in verdict.candidates) == ["broadcast", "broadcast_body_yaw", "osdk32"]


def test_a_hovering_aircraft_cannot_tell():
    stamps_ns, body, link, reference = flight()
    gimbal, attitude = written_as("broadcast", stamps_ns, body, link)
    still = [
        Rotations(stamps_ns, np.tile(one.values[:1], (len(stamps_ns), 1))) for one in (gimbal, attitude, reference)
    ]
    verdict = check_gimbal(still[0], False, still[1], still[2])
    assert verdict.convention == ""
    assert "too small to tell" in verdict.reason


def test_a_reference_of_another_flight_fits_nothing():
    stamps_ns, body, link, _ = flight(seed=3)
    gimbal, attitude = written_as("broadcast", stamps_ns, body, link)
    other = flight(seed=9)[3]
    verdict = check_gimbal(gimbal, False, attitude, Rotations(stamps_ns, other.values))
    assert verdict.convention == ""
    assert verdict.reason.startswith("none fits")


def test_recordings_of_different_times():
    stamps_ns, body, link, reference = flight(seconds=2.0)
    gimbal, attitude = written_as("broadcast", stamps_ns, body, link)
    later = Rotations(stamps_ns + 10**12, reference.values)
    with pytest.raises(SyncError, match=r"share no 0\.5 s"):
        check_gimbal(gimbal, False, attitude, later)

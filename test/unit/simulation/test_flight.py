# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.placements import PLACEMENTS, T_map_airframe
from camera_relocalization_ros.core.errors import ConfigError, SimulationError
from camera_relocalization_ros.core.geometry import invert, transform_points
from camera_relocalization_ros.simulation.arena_layout import CLUTTER_DEPTH, ROOM_MAX, ROOM_MIN
from camera_relocalization_ros.simulation.camera_kind import X3_CAMERA
from camera_relocalization_ros.simulation.flight import Flight
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

STEP_S = 0.05
SECONDS = np.arange(0, 60, STEP_S)
FLIGHTS = [(placement, seed) for placement in PLACEMENTS for seed in (0, 1)]


@pytest.mark.parametrize("placement, seed", FLIGHTS)
def test_a_flight_is_one_that_an_m100_can_fly_there(placement, seed):
    flight = Flight.random(T_map_airframe(placement), seed)
    positions = flight.body_positions(SECONDS)
    speed = np.linalg.norm(np.diff(positions, axis=0), axis=1) / STEP_S
    assert speed.max() < 1.2
    tilt = np.degrees(np.arccos(flight.T_map_body(SECONDS)[:, 2, 2]))
    assert 0.2 < tilt.max() < 10
    camera = Rotation.from_matrix(flight.T_map_camera(SECONDS)[:, :3, :3])
    assert np.degrees((camera[:-1].inv() * camera[1:]).magnitude()).max() / STEP_S < 60
    # 0.4 m is half an M100 with its propellers
    assert (positions[:, :2] > np.array(ROOM_MIN[:2]) + CLUTTER_DEPTH + 0.35).all()
    assert (positions[:, :2] < np.array(ROOM_MAX[:2]) - CLUTTER_DEPTH - 0.35).all()
    distance = np.linalg.norm(positions[:, :2] - flight.T_map_airframe[:2, 3], axis=1)
    assert distance.min() > 1.25 + 0.4


@pytest.mark.parametrize("placement, seed", FLIGHTS)
def test_the_camera_keeps_the_airframe_in_sight_but_not_in_the_middle(placement, seed):
    flight = Flight.random(T_map_airframe(placement), seed)
    T_camera_map = invert(flight.T_map_camera(SECONDS))
    centre = np.array(
        [X3_CAMERA.project(transform_points(T, flight.T_map_airframe[None, :3, 3]))[0] for T in T_camera_map]
    )
    inside = (centre > 0).all(axis=1) & (centre < [1279, 719]).all(axis=1)
    assert inside.mean() > 0.85
    assert np.nanstd(centre[:, 0]) > 60


@pytest.mark.parametrize("seed", range(3))
def test_a_minute_sees_the_airframe_from_all_around(seed):
    flight = Flight.random(T_map_airframe(6), seed)
    seen = transform_points(invert(flight.T_map_airframe), flight.body_positions(SECONDS))
    sectors = np.unique(np.floor(np.arctan2(seen[:, 1], seen[:, 0]) / (np.pi / 6)))
    assert len(sectors) == 12


def test_transforms_chain_to_the_camera_of_the_flight():
    recording = Recording(FlightPlan(placement=2, duration_s=1, rate_hz=10, seed=4))
    stamps_ns = recording.image_stamps_ns()
    transforms = recording.transforms(stamps_ns)
    chain = ("map", "M100/base_link", "M100/gimbal_yaw", "M100/gimbal_roll", "M100/gimbal_pitch", "M100/camera_link")
    T_map_link = np.eye(4)
    for parent, child in zip(chain, chain[1:]):
        T_map_link = T_map_link @ transforms[parent, child]
    T_map_camera = recording.flight.T_map_camera(recording.seconds(stamps_ns))
    np.testing.assert_allclose(T_map_link[:, :3, 3], T_map_camera[:, :3, 3], atol=1e-9)
    np.testing.assert_allclose(T_map_link[:, :3, 0], T_map_camera[:, :3, 2], atol=1e-9)


def test_seeds_decide_the_flight():
    same, again, other = (Flight.random(T_map_airframe(1), seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(same.body_positions(SECONDS), again.body_positions(SECONDS))
    assert np.abs(same.body_positions(SECONDS) - other.body_positions(SECONDS)).max() > 0.5


@pytest.mark.parametrize(
    "changes", [{"duration_s": 0}, {"rate_hz": -1}, {"duration_s": float("nan")}, {"width": 333}, {"seed": -1}]
)
def test_impossible_plans_are_refused(changes):
    with pytest.raises(SimulationError, match="expected"):
        FlightPlan(**{"placement": 1, "duration_s": 1, "rate_hz": 10, "seed": 0, **changes})


def test_unknown_placement():
    with pytest.raises(ConfigError, match="placement 7"):
        T_map_airframe(7)

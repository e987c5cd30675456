# SPDX-License-Identifier: BSD-3-Clause
import csv

import numpy as np
import pytest
from helpers import shared_data
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.dji import (
    CONVENTIONS,
    R_enu_link,
    R_enu_link_from_dji,
    convention_named,
    dji_gimbal_angles,
    dji_joint_angles,
    enu_attitude,
    ned_heading,
)
from camera_relocalization_ros.aircraft.gimbal import gimbal_frames
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.geometry import angular_distance, pose_matrix

# nose to the north, level: FLU in ENU is a quarter turn to the left from east; FRD in NED is no turn at all
NORTH_ENU, NORTH_NED = [0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)], [0.0, 0.0, 0.0, 1.0]
# nose to the east, level: no turn in ENU; in NED a quarter turn clockwise seen from above, about z which points down
EAST_ENU, EAST_NED = [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)]


def joints_deg(vector, attitude, name):
    convention = CONVENTIONS[name]
    angles = convention.roll_pitch_yaw(np.array([vector]))
    return np.degrees(np.concatenate(dji_joint_angles(angles, enu_attitude(attitude, convention.attitude), convention)))


@pytest.mark.parametrize(
    ("name", "vector", "attitude"),
    [
        # nose east, camera looks south-east (yaw 135 from north) and 30 degrees down: it is turned 45 degrees to the
        # right of the nose, whatever the order of the components
        ("broadcast", (0, -30, 135), EAST_ENU),
        ("subscription", (-30, 0, 135), EAST_ENU),
        ("osdk32", (-30, 135, 0), EAST_NED),
        ("broadcast_body_yaw", (0, -30, 45), EAST_ENU),
        # nose north, camera looks north-east
        ("broadcast", (0, -30, 45), NORTH_ENU),
        ("subscription", (-30, 0, 45), NORTH_ENU),
        ("osdk32", (-30, 45, 0), NORTH_NED),
        ("broadcast_body_yaw", (0, -30, 45), NORTH_ENU),
    ],
)
def test_each_convention_worked_by_hand(name, vector, attitude):
    np.testing.assert_allclose(joints_deg(vector, attitude, name), [45, 0, -30], atol=1e-9)


def test_a_level_camera_below_a_rolled_aircraft_needs_the_opposite_roll():
    # nose north, right wing 10 degrees down; FLU rolls to the right about x by a positive angle
    attitude = (Rotation.from_euler("z", 90, degrees=True) * Rotation.from_euler("x", 10, degrees=True)).as_quat()
    np.testing.assert_allclose(joints_deg((0, 0, 0), attitude, "broadcast"), [0, -10, 0], atol=1e-9)
    # the camera turned 90 degrees right looks along the low wing: what was roll is pitch for it, and it must look up
    np.testing.assert_allclose(joints_deg((0, 0, 90), attitude, "broadcast"), [90, 0, 10], atol=1e-9)


def test_attitudes_of_both_eras_are_the_same_rotations():
    for enu, ned in ((NORTH_ENU, NORTH_NED), (EAST_ENU, EAST_NED)):
        assert angular_distance(enu_attitude(ned, CONVENTIONS["osdk32"].attitude)[0], np.array(enu)) < 1e-9
        assert angular_distance(enu_attitude(enu, CONVENTIONS["broadcast"].attitude)[0], np.array(enu)) < 1e-9
    # NED roll, pitch, yaw 5, 20, 30: nose 20 degrees up and 30 degrees clockwise of north, right wing down
    ned = Rotation.from_euler("ZYX", [30, 20, 5], degrees=True).as_quat()
    nose, left, _ = Rotation.from_quat(enu_attitude(ned, CONVENTIONS["osdk32"].attitude)[0]).as_matrix().T
    cos20 = np.cos(np.radians(20))
    np.testing.assert_allclose(nose, [0.5 * cos20, np.sqrt(0.75) * cos20, np.sin(np.radians(20))], atol=1e-12)
    assert left[2] > 0


@pytest.mark.parametrize(("attitude", "heading_deg"), [(NORTH_ENU, 0), (EAST_ENU, 90)])
def test_heading_is_clockwise_from_north(attitude, heading_deg):
    found = np.degrees(ned_heading(Rotation.from_quat(attitude).as_matrix()))
    assert found == pytest.approx(heading_deg)


def test_unknown_convention_lists_the_known_ones():
    with pytest.raises(
        ConfigError, match="'m100'; expected one of broadcast, subscription, osdk32, broadcast_body_yaw"
    ):
        convention_named("m100")


def test_every_convention_has_each_component_once():
    for convention in CONVENTIONS.values():
        assert sorted(convention.order) == ["pitch", "roll", "yaw"]
        assert convention.attitude in ("enu_flu", "ned_frd")
        assert convention.yaw_reference in ("north", "body")


# --- a real log: 18 photos of a survey, all straight down -----------------------------------------------------------


@pytest.fixture(scope="module")
def photos():
    path = shared_data("dji_gimbal_log.csv")
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18

    def read(source):
        return np.array([[float(row[f"{source}{axis}Degree"]) for axis in ("Roll", "Pitch", "Yaw")] for row in rows])

    return read("Gimbal"), read("Flight")


def nadir_error_deg(joints, quats_enu_body):
    """Angle between the optical axis and straight down, through the whole chain of frames."""
    T_enu_body = pose_matrix(np.zeros((len(quats_enu_body), 3)), quats_enu_body)
    optical_axis = (T_enu_body @ gimbal_frames(*joints).T_body_optical())[:, :3, 2]
    return np.degrees(np.arccos(np.clip(-optical_axis[:, 2], -1, 1)))


def test_photos_of_the_ground_look_at_the_ground(photos):
    gimbal_deg, flight_deg = photos
    convention = CONVENTIONS["osdk32"]  # of the attitude, which is in NED; the angles are already by name
    quats_ned = Rotation.from_euler("ZYX", flight_deg[:, ::-1], degrees=True).as_quat()
    quats_enu = enu_attitude(quats_ned, convention.attitude)
    joints = dji_joint_angles(gimbal_deg, quats_enu, convention)
    assert nadir_error_deg(joints, quats_enu).max() < 1.0


def test_subtracting_euler_angles_points_the_photos_elsewhere(photos):
    # the way of the superseded package under OSDK 3.3 and later: the aircraft's angles, of body FLU in ENU, taken from
    # the gimbal's, of FRD in NED
    gimbal_deg, flight_deg = photos
    quats_ned = Rotation.from_euler("ZYX", flight_deg[:, ::-1], degrees=True).as_quat()
    quats_enu = enu_attitude(quats_ned, CONVENTIONS["osdk32"].attitude)
    flight_enu_deg = Rotation.from_quat(quats_enu).as_euler("ZYX", degrees=True)[:, ::-1]
    roll, pitch, yaw = np.radians(gimbal_deg - flight_enu_deg).T
    assert nadir_error_deg((yaw, roll, pitch), quats_enu).max() > 4.0
    # with both in NED these photos hide the mistake, because the camera faces where the nose does; turned to the side
    # below the same aircraft, it does not
    sideways_deg = gimbal_deg * [1, 0, 1] + [0, -45, 90]
    roll, pitch, yaw = np.radians(sideways_deg - flight_deg).T
    wanted = gimbal_frames(*dji_joint_angles(sideways_deg, quats_enu, CONVENTIONS["osdk32"])).T_body_optical()
    axes = wanted[:, :3, 2], gimbal_frames(yaw, roll, pitch).T_body_optical()[:, :3, 2]
    assert np.degrees(np.arccos(np.sum(axes[0] * axes[1], axis=1))).max() > 2.0


# --- DJI's angles by themselves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("yaw_enu_deg, dji_yaw_deg", [(0, 90), (90, 0), (180, -90)], ids=["east", "north", "west"])
def test_dji_yaw_is_clockwise_from_north(yaw_enu_deg, dji_yaw_deg):
    R_enu_link = Rotation.from_euler("z", yaw_enu_deg, degrees=True).as_matrix()
    np.testing.assert_allclose(np.degrees(dji_gimbal_angles(R_enu_link)), [0, 0, dji_yaw_deg], atol=1e-9)


def test_dji_pitch_is_negative_downwards_and_the_angles_compose_back():
    R_enu_link = Rotation.from_euler("ZYX", [90, 30, 0], degrees=True).as_matrix()  # nose 30 degrees down, facing north
    angles = dji_gimbal_angles(R_enu_link)
    np.testing.assert_allclose(np.degrees(angles), [0, -30, 0], atol=1e-9)
    np.testing.assert_allclose(R_enu_link_from_dji(angles), R_enu_link, atol=1e-12)
    many = Rotation.random(30, random_state=0).as_matrix()
    np.testing.assert_allclose(R_enu_link_from_dji(dji_gimbal_angles(many)), many, atol=1e-9)


def test_composing_with_the_bodys_heading_leaves_its_tilt_alone():
    body = Rotation.from_euler("ZYX", [[70, 0, 0], [70, 12, -9]], degrees=True).as_matrix()
    found = R_enu_link([[0, -30, 20], [0, -30, 20]], body, CONVENTIONS["broadcast_body_yaw"])
    # heading 70 degrees to the left of east is 20 clockwise of north; with the joint's 20 the camera faces 40
    np.testing.assert_allclose(found[0], R_enu_link_from_dji(np.radians([0, -30, 40])), atol=1e-12)
    assert np.degrees(np.arccos((np.trace(found[0].T @ found[1]) - 1) / 2)) < 1e-3

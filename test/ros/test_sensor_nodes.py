# SPDX-License-Identifier: BSD-3-Clause
"""The parameters and launch files of the nodes that read the aircraft's own sensors."""

import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from camera_relocalization_ros.aircraft.local_frame import Geodetic
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.ros.aircraft.airframe_placement import PlacementParams
from camera_relocalization_ros.ros.aircraft.sensor_params import GimbalParams, GpsParams

ROOT = Path(__file__).resolve().parents[2]
LAUNCHES = {
    "airframe_placement": ["placement:=1"],
    "gimbal": [],
    "gps": [],
    "m100_lab": ["bundle:=/nowhere", "placement:=2"],
    "relocalize": ["bundle:=/nowhere", "image_topic:=/camera/image_raw"],
}


@pytest.mark.parametrize(("name", "kind"), [("gimbal", GimbalParams), ("gps", GpsParams)])
def test_parameters_file_mirrors_the_defaults(name, kind):
    values = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()} == asdict(kind())
    assert kind.from_values(values) == kind()


def test_an_origin_is_three_numbers():
    assert GpsParams.from_values({"origin": [49.5, 6, 330]}).options().origin == Geodetic(49.5, 6.0, 330.0)
    assert GpsParams.from_values({"rtk": True}).options().rtk_minimum == 48
    assert GpsParams.from_values({}).options().rtk_minimum is None


@pytest.mark.parametrize(
    ("kind", "values", "says"),
    [
        (GimbalParams, {"convention": "m100"}, "~convention: gimbal convention 'm100'; expected one of broadcast"),
        (GimbalParams, {"max_gap": 0}, "~max_gap is 0.0; expected seconds above 0"),
        (GimbalParams, {"gap": 1}, "unknown parameter ~gap; the node knows: convention, max_gap"),
        (GpsParams, {"origin": [1, 2]}, r"~origin is \[1.0, 2.0\]; expected latitude"),
        (GpsParams, {"origin": ["a"]}, "expected a list of numbers"),
        (GpsParams, {"origin": [True, 1, 2]}, "expected a list of numbers"),
        (GpsParams, {"origin": [91, 0, 0]}, "expected latitude"),
        (GpsParams, {"orientation": "imu"}, "~orientation is 'imu'; expected one of attitude, rtk_yaw, none"),
        (GpsParams, {"attitude_axes": "ned"}, "~attitude_axes is 'ned'; expected one of enu_flu, ned_frd"),
        (GpsParams, {"rtk_minimum": 300}, "~rtk_minimum is 300"),
        (GpsParams, {"rtk_yaw_offset": float("nan")}, "~rtk_yaw_offset is nan"),
        (GpsParams, {"child_frame": "/map"}, "are 'map' and 'map'; expected two frames"),
        (PlacementParams, {}, "~placement is 0; expected one of 1, 2, 3, 4, 5, 6"),
        (PlacementParams, {"placement": 7}, "~placement is 7; expected one of 1, 2, 3, 4, 5, 6"),
        (PlacementParams, {"placement": "x"}, "~placement is 'x' .str.; expected int"),
    ],
)
def test_bad_parameters_are_one_line(kind, values, says):
    with pytest.raises(ConfigError, match=says):
        kind.from_values(values)


def test_every_launch_file_is_checked_here():
    assert sorted(LAUNCHES) == sorted(path.stem for path in ROOT.glob("launch/*.launch"))
    listed = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    for name in LAUNCHES:
        assert f"roslaunch_add_file_check(launch/{name}.launch" in listed


@pytest.mark.parametrize("name", sorted(LAUNCHES))
def test_roslaunch_check_finds_nothing(name):
    # in a process of its own: roslaunch keeps arguments of the one before
    check = "import sys, roslaunch.rlutil; print(roslaunch.rlutil.check_roslaunch(sys.argv[1]))"
    command = ["python", "-c", check, str(ROOT / "launch" / f"{name}.launch"), *LAUNCHES[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip().splitlines()[-1:] == ["None"], done.stdout + done.stderr


def nodes_of(name, *arguments):
    command = ["roslaunch", "--nodes", str(ROOT / "launch" / f"{name}.launch"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        ([], []),
        (["placement:=3"], ["/airframe_placement"]),
        (["mocap:=vrpn"], ["/vrpn_client_node", "/m100_base_link", "/wing_base_link"]),
        (["mocap:=vrpn", "placement:=3"], ["/vrpn_client_node", "/m100_base_link", "/airframe_placement"]),
        (["mocap:=optitrack", f"optitrack_config:={ROOT}/config/gps.yaml"], ["/mocap_node"]),
    ],
)
def test_the_laboratory_starts_what_is_asked_for(arguments, more):
    done = nodes_of("m100_lab", "bundle:=/nowhere", *arguments)
    assert set(done.stdout.split()) == {"/gimbal_node", "/gimbal_state_publisher", "/relocalizer", *more}, done.stderr


def test_an_unknown_motion_capture_is_named():
    done = nodes_of("m100_lab", "bundle:=/nowhere", "mocap:=vicon")
    assert done.returncode != 0
    assert "'vicon'" in done.stderr + done.stdout

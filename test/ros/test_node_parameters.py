# SPDX-License-Identifier: BSD-3-Clause
import math
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.ros.node.reconfigure import changes_of_their_types
from camera_relocalization_ros.ros.params import NodeParams

ROOT = Path(__file__).resolve().parents[2]


def test_parameters_file_mirrors_the_defaults():
    values = yaml.safe_load((ROOT / "config" / "relocalizer.yaml").read_text(encoding="utf-8"))
    defaults = asdict(NodeParams())
    assert {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()} == defaults


def test_parameters_of_the_right_type_are_taken():
    params = NodeParams.from_values({"bundle": "b", "threads": 2, "stale_after": 3, "providers": ["A", "B"]})
    assert params == NodeParams("b", threads=2, stale_after=3.0, providers=("A", "B"))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "~bundle is not set"),
        ({"bundle": 3}, "~bundle is 3 .int.; expected str"),
        (
            {"bundle": "b", "tf_mod": True},
            "unknown parameter ~tf_mod; the node knows: attitude_topic, body_frame",
        ),
        ({"bundle": "b", "transport": "h264"}, "'h264'; expected one of raw, compressed"),
        ({"bundle": "b", "object_box": [0.0, 0.0, 0.0, 1.0, 1.0, -1.0]}, "~object_box is .*; expected least x, y, z"),
        ({"bundle": "b", "object_box": [1.0, 2.0]}, "~object_box is .*; expected least x, y, z"),
        ({"bundle": "b", "lazy": "yes"}, "~lazy is 'yes' .str.; expected bool"),
        ({"bundle": "b", "tf_mode": "map"}, "~tf_mode is 'map'; expected one of none, camera, object, odom"),
        ({"bundle": "b", "publish_states": "OK"}, "~publish_states is 'OK'; expected one of all, ok"),
        ({"bundle": "b", "output_rate": -1.0}, "~output_rate is -1.0; expected 0, or poses"),
        ({"bundle": "b", "output_rate": 1e300}, "~output_rate is 1e.300; expected 0, or poses a second, at most 1000"),
        ({"bundle": "b", "output_rate": 1e-300}, "~output_rate is 1e-300"),
        ({"bundle": "b", "max_prediction": 0.0}, "~max_prediction is 0.0; expected seconds, at least 0.001"),
        ({"bundle": "b", "diagnostic_period": 1e-300}, "~diagnostic_period is 1e-300; expected seconds, at least"),
        ({"bundle": "b", "threads": 2**31 - 1}, "~threads is 2147483647; expected at most 1024"),
        ({"bundle": "b", "object_box": [-1.0, -1.0, -1.0, 1.0, 1.0, math.inf]}, "~object_box is .*; expected least x"),
        ({"bundle": "b", "camera_info_topic": "a/b c"}, "~camera_info_topic is 'a/b c'; expected the name of a topic"),
        ({"bundle": "b", "fixed_frame": ""}, "~fixed_frame is ''; expected the name of a frame"),
        ({"bundle": "b", "tf_child_frame": "/"}, "~tf_child_frame is '/'; expected the name of a frame, or nothing"),
        ({"bundle": "b", "camera_frame": " "}, "~camera_frame is ' '"),
        ({"bundle": "b", "body_pose_in": "map\n"}, "~body_pose_in is 'map..'"),
        ({"bundle": "b", "odometry_topic": "ö"}, "~odometry_topic is 'ö'; expected the name of a topic"),
        ({"bundle": "b", "attitude_topic": "/", "velocity_topic": "v"}, "~attitude_topic is '/'"),
        ({"bundle": "b", "image_width": 640}, "of ~image_width and ~image_height one is 0"),
        ({"bundle": "b", "lost_below": 1.5}, "~lost_below is 1.5; expected -1.0 to 1.0"),
        ({"bundle": "b", "path_length": -1}, "~path_length is -1; expected 0 or more"),
        ({"bundle": "b", "attitude_topic": "attitude"}, "of ~attitude_topic and ~velocity_topic one is empty"),
        (
            {"bundle": "b", "attitude_topic": "a", "velocity_topic": "v", "odometry_topic": "o"},
            "expected one source of motion",
        ),
        ({"bundle": "b", "gate_chance": 0.0}, "~gate_chance is 0.0; expected 1e-09 to 0.5"),
        ({"bundle": "b", "reinitialise_after": 0}, "~reinitialise_after is 0; expected 1 to 1000"),
        ({"bundle": "b", "max_age": -1.0}, "~max_age is -1.0; expected 0 or more"),
        ({"bundle": "b", "threads": True}, "~threads is True .bool.; expected int"),
        ({"bundle": "b", "threads": -1}, "~threads is -1"),
        ({"bundle": "b", "stale_after": 0.0}, "~stale_after is 0.0"),
        ({"bundle": "b", "stale_after": 1e10}, "~stale_after is 1.*; expected seconds, at least .* at most 1e"),
        ({"bundle": "b", "stale_after": float("nan")}, "~stale_after is nan"),
        ({"bundle": "b", "providers": "CPUExecutionProvider"}, "expected a list of strings"),
        ({"bundle": "b", "providers": []}, "~providers is empty"),
    ],
)
def test_bad_parameters_are_one_line(values, says):
    with pytest.raises(ConfigError, match=says):
        NodeParams.from_values(values)


@pytest.mark.parametrize("topic", ["odom", "/odom", "~odom", "~/odom", "/camera/2/odom", "odometry/filtered/"])
def test_names_of_topics_are_taken(topic):
    assert NodeParams.from_values({"bundle": "b", "odometry_topic": topic}).odometry_topic == topic


@pytest.mark.parametrize("frame", ["map", "/map", "wing/base_link", "vicon/wing 2/wing 2", "Flügel"])
def test_names_of_frames_are_taken(frame):
    assert NodeParams.from_values({"bundle": "b", "fixed_frame": frame}).fixed_frame == frame


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("gate", 0.0, "setting gate is 0.0 (float); expected bool"),
        ("gate", "false", "setting gate is 'false' (str); expected bool"),
        ("ok_position_m", True, "setting ok_position_m is True (bool); expected double"),
        ("ok_position_m", "0.1", "setting ok_position_m is '0.1' (str); expected double"),
        ("ok_position_m", math.nan, "setting ok_position_m is nan (float); expected double"),
        ("recover_after", 2.7, "setting recover_after is 2.7 (float); expected int"),
    ],
)
def test_a_setting_of_another_type_is_refused_in_one_line(name, value, says):
    defaults = asdict(NodeParams("b"))
    with pytest.raises(ConfigError, match=re.escape(says)):
        changes_of_their_types({"gate_chance": 0.1, name: value}, defaults)
    taken = changes_of_their_types({"ok_position_m": 1, "gate": True, "nothing": "x"}, defaults)
    assert taken == {"ok_position_m": 1.0, "gate": True, "nothing": "x"} and type(taken["ok_position_m"]) is float


@pytest.mark.parametrize("path", sorted(ROOT.glob("launch/*.launch")), ids=lambda path: path.name)
def test_every_launch_argument_is_documented(path):
    arguments = ElementTree.parse(path).getroot().findall("arg")
    assert arguments
    assert [one.get("name") for one in arguments if not one.get("doc")] == []


@pytest.mark.parametrize("options", [[], ["required:=true"], ["transport:=compressed", "tf_mode:=none"]])
def test_launch_file_starts_the_node(options):
    path = ROOT / "launch" / "relocalize.launch"
    command = ["roslaunch", "--nodes", str(path), "bundle:=/nowhere", "image_topic:=/camera/image_raw", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["/relocalizer"], done.stderr

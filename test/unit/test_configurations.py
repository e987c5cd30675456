# SPDX-License-Identifier: BSD-3-Clause
"""Configurations for other packages' nodes name what the relocalizer really publishes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from scipy.stats import chi2

ROOT = Path(__file__).resolve().parents[2]
NODE = "/relocalizer/"
# the fixed names of the node's topics that others show or fuse
TYPES = {
    "rviz/Pose": "pose",
    "rviz/PoseWithCovariance": "pose_with_covariance",
    "rviz/Path": "path",
    "rviz/Image": "debug_image",
    "rviz/MarkerArray": "markers",
}
RVIZ_DISPLAYS = {*TYPES, "rviz/Grid", "rviz/TF", "rviz/Axes"}


def load(name: str) -> dict:
    return yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8"))


def test_rviz_shows_each_topic_with_its_display():
    displays = load("rviz/relocalizer.rviz")["Visualization Manager"]["Displays"]
    assert {display["Class"] for display in displays} == RVIZ_DISPLAYS
    topics = {
        d["Class"]: d.get("Topic") or d.get("Image Topic") or d.get("Marker Topic")
        for d in displays
        if d["Class"] in TYPES
    }
    assert topics == {kind: NODE + name for kind, name in TYPES.items()}


def test_rviz_looks_from_the_frame_that_the_shipped_model_answers_in():
    sidecar = yaml.safe_load((ROOT / "models/airframe/bundle.yaml").read_text(encoding="utf-8"))
    shown = load("rviz/relocalizer.rviz")["Visualization Manager"]
    axes = next(display for display in shown["Displays"] if display["Class"] == "rviz/Axes")
    assert shown["Global Options"]["Fixed Frame"] == axes["Reference Frame"] == sidecar["parent_frame"]


def test_published_topics_are_those_of_the_sources():
    sources = (ROOT / "camera_relocalization_ros/ros").rglob("*.py")
    published = {
        name
        for path in sources
        for name in re.findall(r'(?:Publisher|__init__)\("~(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert set(TYPES.values()) <= published


def test_foxglove_shows_topics_and_fields_that_the_node_publishes():
    layout = load("foxglove/relocalizer.json")
    panels = layout["configById"]
    topics = {*panels["3D!poses"]["topics"], panels["Image!debug"]["imageMode"]["imageTopic"]}
    assert topics == {NODE + name for name in TYPES.values()}
    fields = re.findall(r"^\w+(?:\[\])? (\w+) *(?:#|$)", (ROOT / "msg/RelocalizerStatus.msg").read_text(), re.MULTILINE)
    drawn = [path["value"] for panel in panels.values() for path in panel.get("paths", ())]
    assert drawn and {value.rpartition(".")[2] for value in drawn} <= set(fields)
    assert {value.rpartition(".")[0] for value in drawn} == {NODE + "status"}
    sidecar = yaml.safe_load((ROOT / "models/airframe/bundle.yaml").read_text(encoding="utf-8"))
    assert panels["3D!poses"]["followTf"] == sidecar["parent_frame"]


def test_foxglove_places_each_panel_once():
    layout = load("foxglove/relocalizer.json")

    def placed(part):
        return [part] if isinstance(part, str) else placed(part["first"]) + placed(part["second"])

    assert sorted(placed(layout["layout"])) == sorted(layout["configById"])


def test_robot_localization_fuses_an_absolute_pose_and_broadcasts_nothing():
    values = load("robot_localization.yaml")
    sidecar = yaml.safe_load((ROOT / "models/airframe/bundle.yaml").read_text(encoding="utf-8"))
    assert values["pose0"] == NODE + "pose_with_covariance"
    assert values["base_link_frame"] == sidecar["child_frame"]
    assert values["pose0_config"] == [True] * 6 + [False] * 9
    # a gimbal turns on its own: who has a fixed camera switches this on
    assert not any(name.startswith("imu0") for name in values)
    switches = ("pose0_differential", "pose0_relative", "two_d_mode", "publish_tf")
    assert not any(values[name] for name in switches)
    assert values["smooth_lagged_data"] and values["reset_on_time_jump"]
    assert round(values["pose0_rejection_threshold"], 2) == round(float(chi2.ppf(0.999, 6) ** 0.5), 2)
    assert values["history_length"] >= 0.5

# SPDX-License-Identifier: BSD-3-Clause
"""rviz opens the shipped configuration on a screen in memory: each display that it names listens to its topic."""

import os
import shutil
from pathlib import Path

import pytest
import rosgraph
import yaml

from camera_relocalization_ros.ros.replay.ros_session import RosSession

RVIZ, XVFB = shutil.which("rviz"), shutil.which("Xvfb")
CONFIGURATION = Path(__file__).resolve().parents[2] / "config" / "rviz" / "relocalizer.rviz"
TOPIC_KEYS = ("Topic", "Image Topic", "Marker Topic")

pytestmark = pytest.mark.skipif(RVIZ is None or XVFB is None, reason="rviz or Xvfb is not installed")


def named_topics():
    displays = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))["Visualization Manager"]["Displays"]
    return {display[key] for display in displays for key in TOPIC_KEYS if key in display}


def rviz_listens_to():
    """The topics that a node of rviz's name subscribes, by the master."""
    _, subscribed, _ = rosgraph.Master("/test_rviz").getSystemState()
    return {topic for topic, nodes in subscribed if any(node.startswith("/rviz") for node in nodes)}


def test_rviz_opens_the_configuration(tmp_path):
    screen = tmp_path / "screen"
    with RosSession() as session:
        session.start("Xvfb", ["bash", "-c", f"exec Xvfb -displayfd 3 -screen 0 1400x900x24 3>{screen}"])
        session.wait_until(lambda: screen.is_file() and screen.read_text().strip(), 30.0, "Xvfb has a screen")
        os.environ["DISPLAY"] = f":{screen.read_text().strip()}"
        session.start("rviz", ["rviz", "-d", str(CONFIGURATION)])
        session.wait_until(lambda: named_topics() <= rviz_listens_to(), 60.0, "rviz listens to all topics")
        assert "/tf" in rviz_listens_to()
        session.check_children()

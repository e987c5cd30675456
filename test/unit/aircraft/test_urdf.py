# SPDX-License-Identifier: BSD-3-Clause
"""The URDF and core.gimbal are the same gimbal."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from camera_relocalization_ros.aircraft.gimbal import JOINT_LIMITS_DEG, gimbal_frames

URDF = Path(__file__).resolve().parents[3] / "urdf" / "m100_x3.urdf"


def numbers(text):
    return np.array([float(value) for value in text.split()])


def turn(axis, angle):
    """Rodrigues' formula, so that nothing is shared with the code under test."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def joint_transform(joint, angle):
    origin = joint.find("origin")
    roll, pitch, yaw = numbers(origin.get("rpy"))
    matrix = np.eye(4)
    # URDF's rpy turns about fixed x, then y, then z
    matrix[:3, :3] = turn(np.array([0, 0, 1]), yaw) @ turn(np.array([0, 1, 0]), pitch) @ turn(np.array([1, 0, 0]), roll)
    matrix[:3, 3] = numbers(origin.get("xyz"))
    if joint.get("type") == "revolute":
        matrix[:3, :3] = matrix[:3, :3] @ turn(numbers(joint.find("axis").get("xyz")), angle)
    return matrix


@pytest.fixture(scope="module")
def joints():
    """The joints from the body to the camera, by their child."""
    return {joint.find("child").get("link"): joint for joint in ElementTree.parse(URDF).getroot().findall("joint")}


def test_links_are_one_chain_below_the_body(joints):
    names = ["base_link", "gimbal_yaw", "gimbal_roll", "gimbal_pitch", "camera_link", "camera_optical_frame"]
    names = [f"M100/{name}" for name in names]
    assert [link.get("name") for link in ElementTree.parse(URDF).getroot().findall("link")] == names
    for parent, child in zip(names, names[1:]):
        assert joints[child].find("parent").get("link") == parent
    assert len(joints) == 5


def test_chain_is_core_gimbals_at_random_angles(joints):
    rng = np.random.default_rng(0)
    for yaw, roll, pitch in rng.uniform([-5.5, -0.6, -1.57], [5.5, 0.6, 0.52], (50, 3)):
        frames = gimbal_frames(np.array(yaw), np.array(roll), np.array(pitch))
        expected = {
            "gimbal_yaw": (frames.T_body_yaw, yaw),
            "gimbal_roll": (frames.T_yaw_roll, roll),
            "gimbal_pitch": (frames.T_roll_pitch, pitch),
            "camera_link": (frames.T_pitch_link, 0.0),
            "camera_optical_frame": (frames.T_link_optical, 0.0),
        }
        for name, (matrix, angle) in expected.items():
            np.testing.assert_allclose(joint_transform(joints[f"M100/{name}"], angle), matrix, atol=1e-12, err_msg=name)


def test_limits_are_core_gimbals(joints):
    for name, (low, high) in JOINT_LIMITS_DEG.items():
        limit = joints[f"M100/gimbal_{name}"].find("limit")
        found = [float(limit.get(side)) for side in ("lower", "upper")]
        np.testing.assert_allclose(np.degrees(found), [low, high], atol=1e-4)

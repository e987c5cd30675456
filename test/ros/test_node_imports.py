# SPDX-License-Identifier: BSD-3-Clause
"""What each node loads: these packages and rooms and no others, so that an accident is seen."""

import json
import subprocess
import sys

import pytest

PACKAGE = "camera_relocalization_ros"
ROSPY = {"catkin", "catkin_pkg", "genmsg", "genpy", "rosgraph", "rosgraph_msgs", "roslib", "rospkg", "rospy", "roscpp"}
# what rospy takes along on one system and not on another
ROSPY |= {"pyparsing", "dateutil", "six", "defusedxml", "distro", "netifaces", "Crypto", "Cryptodome", "gnupg"}
MESSAGES = {"actionlib_msgs", "geometry_msgs", "nav_msgs", "sensor_msgs", "std_msgs"}
SENSOR_NODE = ROSPY | MESSAGES | {"cv2", "cv_bridge", "numpy", "scipy", "yaml"}
TF = {"actionlib", "tf2_msgs", "tf2_py", "tf2_ros"}
SERVICES = {"diagnostic_msgs", "diagnostic_updater", "dynamic_reconfigure", "std_srvs"}
# node: the packages that it may load, the rooms that it does
NODES = {
    "ros.node.startup": (
        SENSOR_NODE | TF | SERVICES | {"onnxruntime", "visualization_msgs"},
        {"bundle", "core", "localization", "localization/landmarks", "vision"}
        | {"msg", "ros", "ros/node", "ros/node/outputs", "srv"},
    ),
    "ros.aircraft.gimbal_node": (SENSOR_NODE | {"pymap3d"}, {"aircraft", "core", "ros", "ros/aircraft"}),
    "ros.aircraft.gps_node": (SENSOR_NODE | TF | {"pymap3d"}, {"aircraft", "core", "ros", "ros/aircraft"}),
    "ros.aircraft.airframe_placement": (SENSOR_NODE | TF, {"aircraft", "core", "ros", "ros/aircraft"}),
}
# take long, or are of what is offline, and have come along with something else before
UNWANTED = {"torch", "scipy.optimize", "scipy.stats", "scipy.sparse.linalg", "dacite", "matplotlib", "pandas"}

LIST_MODULES = """
import importlib, json, sys
before = set(sys.modules)
importlib.import_module(sys.argv[1])
new = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if name not in before}
print(json.dumps(new))
"""


@pytest.mark.parametrize("node", NODES)
def test_a_node_loads_these_packages_and_rooms_and_no_others(node):
    command = [sys.executable, "-c", LIST_MODULES, f"{PACKAGE}.{node}"]
    # elsewhere than in the checkout, which lacks the messages
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    packages, rooms = NODES[node]
    third_party = {name.partition(".")[0] for name, file in loaded.items() if "-packages/" in file} - {PACKAGE}
    assert {name for name in third_party if not name.startswith("_")} - packages == set()
    own = {name: file for name, file in loaded.items() if name.startswith(f"{PACKAGE}.")}
    modules = [name.split(".")[1:-1] for name, file in own.items() if not file.endswith("__init__.py")]
    assert {"/".join(folders) for folders in modules} == rooms
    assert UNWANTED & set(loaded) == set()

# SPDX-License-Identifier: BSD-3-Clause
"""Read by pip and by catkin (catkin_python_setup, and again at `catkin_make install`).

What both need stands here, since the setuptools of ROS Noetic (45) knows no [project] table; the rest, dependencies
before all, stands in pyproject.toml. The version is package.xml's. Imports nothing but setuptools: pip builds in an
environment of its own, where there is no catkin_pkg, and catkin replaces `setup` to see its arguments.
"""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = "camera_relocalization_ros"

setup(
    name=NAME,
    version=ElementTree.parse("package.xml").findtext("version"),
    license="BSD-3-Clause",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    # the thesis' numbers, the script of the result's page, and the mark that says: the annotations may be relied on
    package_data={"": ["*.csv", "*.js", "py.typed"]},
    # where CMakeLists.txt installs them, too: share/NAME below the prefix
    data_files=[(f"share/{NAME}/config/training", sorted(map(str, Path("config/training").glob("*.yaml"))))],
)

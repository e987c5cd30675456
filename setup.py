# SPDX-License-Identifier: BSD-3-Clause
"""Read by catkin (catkin_python_setup); all but the list of packages comes from package.xml."""

from catkin_pkg.python_setup import generate_distutils_setup
from setuptools import setup

PACKAGE = "camera_relocalization_ros"
SUBPACKAGES = (
    "cli",
    "core",
    "core.doctor",
    "core.layouts",
    "inference",
    "learning",
    "learning.backbones",
    "mapping",
    "report",
    "ros",
    "simulation",
)

packages = [PACKAGE] + [PACKAGE + "." + name for name in SUBPACKAGES]
# the thesis' numbers, and the script of the result's page
setup(**generate_distutils_setup(packages=packages, package_data={PACKAGE + ".report": ["*.csv", "*.js"]}))

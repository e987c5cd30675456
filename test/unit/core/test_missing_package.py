# SPDX-License-Identifier: BSD-3-Clause
import sys
from pathlib import Path

import pytest

from camera_relocalization_ros.core import missing_package, shipped_files
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.missing_package import missing_package_message


@pytest.fixture
def installed(monkeypatch):
    """A function that makes the package lie elsewhere: checkout, share folder."""

    def install(checkout=None, share=None):
        for module in (missing_package, shipped_files):
            monkeypatch.setattr(module, "checkout_folder", lambda: checkout)
            monkeypatch.setattr(module, "share_folder", lambda: share)

    return install


@pytest.fixture
def catkin_share(tmp_path):
    share = tmp_path / "install" / "share" / "camera_relocalization_ros"
    share.mkdir(parents=True)
    (share / "package.xml").touch()
    return share


def test_in_a_checkout_make_setup_brings_all(installed):
    assert missing_package_message("torch.nn") == "needs the Python package torch; `make setup` installs it"
    assert "`make setup`" in missing_package_message("rosbag")
    assert "`. env.sh`" in missing_package_message("sensor_msgs.msg")


def test_after_pip_the_line_names_the_extra(installed):
    installed()
    extra = "needs the Python package {}; `pip install 'camera-relocalization-ros[{}]'` installs it"
    assert missing_package_message("lightning") == extra.format("lightning", "training")
    assert missing_package_message("matplotlib") == extra.format("matplotlib", "reports")
    assert missing_package_message("pyvista") == extra.format("pyvista", "simulation")
    assert missing_package_message("numpy").endswith("`pip install camera-relocalization-ros` installs it")
    for module in ("rospy", "tf2_ros", "geometry_msgs.msg", "std_srvs.srv"):
        message = missing_package_message(module)
        assert message.startswith("needs ROS")
        assert "pip install" not in message
        assert "README.md" in message


def test_in_an_install_space_the_line_is_pip_on_the_installed_files(installed, catkin_share):
    installed(share=catkin_share)
    pip = f"`{sys.executable} -m pip install -r {catkin_share}/requirements/"
    assert f"{pip}training.txt` installs it" in missing_package_message("torch")
    onboard = missing_package_message("onnxruntime")
    assert f"{pip}onboard.txt -r {catkin_share}/requirements/runtime-cpu.txt` installs it" in onboard
    assert f"{catkin_share.parents[1]}/setup.bash" in missing_package_message("rospy")
    assert "make" not in onboard


@pytest.mark.parametrize("mark", [".catkin_workspace", ".catkin_tools"])
def test_in_a_workspace_of_ones_own_the_line_is_pip_on_the_checkouts_files(installed, tmp_path, mark):
    checkout = tmp_path / "src" / "camera_relocalization_ros"
    checkout.mkdir(parents=True)
    (tmp_path / mark).touch()
    installed(checkout=checkout)
    assert f"-m pip install -r {checkout}/requirements/reports.txt`" in missing_package_message("jinja2")
    assert "devel/setup.bash" in missing_package_message("rosbag")


def test_messages_that_were_not_built(installed):
    assert missing_package_message("camera_relocalization_ros.msg").startswith("needs the messages that catkin builds")


def test_our_own_modules_are_not_excused():
    assert missing_package_message("camera_relocalization_ros.core.nowhere") is None


def test_shipped_files_lie_in_the_checkout_or_below_the_prefix(installed, catkin_share):
    root = Path(__file__).resolve().parents[3]
    assert shipped_files.shipped_file("config/training/thesis.yaml") == root / "config" / "training" / "thesis.yaml"
    installed(share=catkin_share)
    assert shipped_files.shipped_file("package.xml") == catkin_share / "package.xml"
    with pytest.raises(ConfigError, match="models/airframe was not installed"):
        shipped_files.shipped_file("models/airframe")

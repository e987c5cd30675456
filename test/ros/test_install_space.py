# SPDX-License-Identifier: BSD-3-Clause
"""`catkin_make install`: reloc and the nodes run from the install space, with nothing of the checkout on any path."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
import rosgraph
from colour_bundle import COLOUR_BUNDLE

from camera_relocalization_ros.ros.replay.ros_session import RosSession

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "camera_relocalization_ros"
NODES = ("/relocalizer", "/gimbal_node", "/gps_node", "/airframe_placement")
PATHS = ("PYTHONPATH", "CMAKE_PREFIX_PATH", "ROS_PACKAGE_PATH", "LD_LIBRARY_PATH", "ROS_ROOT")
# reloc of the virtual environment or of scripts/ must not be found instead
OWN_PATH = [path for path in os.environ["PATH"].split(":") if not path.startswith(str(ROOT / "scripts"))]


@pytest.fixture(scope="module")
def install_space(tmp_path_factory):
    """Installed from the workspace that is built already, to a folder of its own."""
    root = tmp_path_factory.mktemp("root")
    build = ROOT / ".catkin_ws" / "build"
    # tests run side by side, and another may want it at the same time
    command = ["flock", str(build / "install.lock"), "make", "--directory", str(build), "install"]
    done = subprocess.run(
        command, env={**os.environ, "DESTDIR": str(root)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return root.joinpath(*(ROOT / ".catkin_ws" / "install").parts[1:])


def shell(install_space, command):
    """A command line in a shell that has sourced the install space alone."""
    clean = f"unset {' '.join(PATHS)}; export PATH={shlex.quote(':'.join(OWN_PATH))}"
    return ["bash", "-c", f"{clean}; . {shlex.quote(str(install_space))}/setup.bash; cd /; {command}"]


def run(install_space, command):
    done = subprocess.run(shell(install_space, command), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_modules_and_reloc_are_those_installed(install_space):
    where = f"python3 -c 'import {PACKAGE}.core.errors as module, {PACKAGE}.msg; print(module.__file__)'"
    commands = (where, "command -v reloc", f"rosrun {PACKAGE} reloc --help", f"reloc info {COLOUR_BUNDLE}")
    code, out, err = run(install_space, "; ".join(commands))
    assert code == 0, err
    module, command, rest = out.split("\n", 2)
    assert module.startswith(str(install_space))
    assert command == str(install_space / "bin" / "reloc")
    assert "usage: reloc" in rest
    assert "made_by: test/colour_bundle.py" in rest


def test_what_comes_beside_the_modules_is_installed(install_space):
    share = install_space / "share" / PACKAGE
    for path in ("package.xml", "config/relocalizer.yaml", "config/training/thesis.yaml", "launch/relocalize.launch"):
        assert (share / path).is_file(), path
    for path in ("models/airframe/network.onnx", "requirements/onboard.txt", "urdf/m100_x3.urdf", "msg/ModelInfo.msg"):
        assert (share / path).is_file(), path
    modules = install_space / "lib" / "python3" / "dist-packages" / PACKAGE
    assert (modules / "py.typed").is_file()
    assert list(modules.glob("report/tables/*.csv"))
    assert list(modules.glob("report/pages/*.js"))


def test_a_missing_python_package_is_one_line_with_pip_on_the_installed_files(install_space):
    without = f'import sys; sys.modules["torch"] = None; from {PACKAGE}.cli.main import main; sys.exit(main(["list"]))'
    code, _, err = run(install_space, f"python3 -c {shlex.quote(without)}")
    assert code == 1
    assert err.count("\n") == 1
    assert err.startswith("reloc list: needs the Python package torch; ")
    assert f"-m pip install -r {install_space}/share/{PACKAGE}/requirements/training.txt" in err


def test_the_nodes_come_up(install_space):
    launch = install_space / "share" / PACKAGE / "launch"
    files = " ".join(f"{launch}/{name}.launch" for name in ("relocalize", "gimbal", "gps", "airframe_placement"))
    arguments = f"bundle:={COLOUR_BUNDLE} image_topic:=/camera/image_raw placement:=1"
    with RosSession() as session:
        session.start("roslaunch", shell(install_space, f"exec roslaunch --wait {files} {arguments}"))
        session.wait_until(lambda: all(map(is_up, NODES)), 60.0, "the nodes are up")
        # offered when the bundle is loaded
        session.wait_until(lambda: is_offered("/relocalizer/relocalize_image"), 60.0, "the relocalizer answers")


def is_up(node):
    try:
        return bool(rosgraph.Master("/test").lookupNode(node))
    except rosgraph.MasterException:
        return False


def is_offered(service):
    try:
        return bool(rosgraph.Master("/test").lookupService(service))
    except rosgraph.MasterException:
        return False

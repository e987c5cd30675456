# SPDX-License-Identifier: BSD-3-Clause
"""setup/runtime.sh in every order of processor, GPU and system leaves what computes: real pip, on wheels made here."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIP = Path(sysconfig.get_path("purelib")) / "pip"
# what the script computes to prove a runtime, with nothing of ours but the name
PROOF = """import onnxruntime
class Relocalizer:
    @staticmethod
    def from_bundle(path):
        assert onnxruntime.COMPUTES, "wrong numbers"
"""


def wheel(folder, name, computes=True):
    """A wheel whose module is onnxruntime and says what it is."""
    stem = f"{name.replace('-', '_')}-1.0"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as file:
        file.writestr("onnxruntime/__init__.py", f"NAME, COMPUTES = {name!r}, {computes}\n")
        file.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        names = [*file.namelist(), f"{stem}.dist-info/RECORD"]
        file.writestr(names[-1], "".join(f"{name},,\n" for name in names))


@pytest.fixture
def clone(tmp_path):
    """A clone with a virtual environment, in which nothing is installed yet."""
    if not PIP.is_dir():
        pytest.skip("this Python has no pip of its own")
    for folder in ("setup", "requirements", "wheels", "camera_relocalization_ros/localization"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "setup/runtime.sh", tmp_path / "setup")
    for kind, name in (("cpu", "onnxruntime"), ("gpu", "onnxruntime-gpu")):
        (tmp_path / f"requirements/runtime-{kind}.txt").write_text(f"{name}==1.0\n")
    for package in ("camera_relocalization_ros", "camera_relocalization_ros/localization"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "camera_relocalization_ros/localization/relocalizer.py").write_text(PROOF)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    (site,) = (tmp_path / ".venv").glob("lib/python*/site-packages")
    (site / "pip").symlink_to(PIP)
    return tmp_path


def run(clone, *arguments, **variables):
    """The exit status and text of setup/runtime.sh, with no index but the folder of wheels."""
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    environment = {**os.environ, **offline, "PIP_NO_COMPILE": "1", **variables}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        ["bash", clone / "setup/runtime.sh", *arguments], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stderr


def imported(clone):
    """The runtime that the virtual environment has now."""
    command = [clone / ".venv/bin/python", "-c", "import onnxruntime; print(onnxruntime.NAME)"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_every_order_of_processor_and_gpu_leaves_one_that_computes(clone):
    wheel(clone / "wheels", "onnxruntime")
    assert run(clone, "cpu") == (0, "")
    # a GPU's that cannot be had
    status, text = run(clone, "gpu")
    assert status == 1 and "pip could not download onnxruntime-gpu; the ONNX Runtime that is there stays" in text
    assert run(clone, "cpu") == (0, "") and imported(clone) == "onnxruntime"
    # one that can: both are one module
    wheel(clone / "wheels", "onnxruntime-gpu")
    assert run(clone, "gpu") == (0, "") and imported(clone) == "onnxruntime-gpu"
    # and back, to one that computes wrongly
    wheel(clone / "wheels", "onnxruntime", computes=False)
    status, text = run(clone, "cpu")
    assert status == 1 and "wrong numbers; the ONNX Runtime that was there before is there again" in text
    assert imported(clone) == "onnxruntime-gpu"


def test_the_systems_runtime_is_taken_only_where_it_computes(clone):
    (site,) = (clone / ".venv").glob("lib/python*/site-packages")
    wheel(clone / "wheels", "onnxruntime")
    with zipfile.ZipFile(next((clone / "wheels").glob("*.whl"))) as file:
        file.extractall(site)
    # the system's Python has one, which the virtual environment does not see
    system = clone / "system"
    system.write_text(f'#!/bin/sh\nPYTHONPATH={clone}/module exec {sys.executable} "$@"\n')
    system.chmod(0o755)
    (clone / "module").mkdir()
    status, text = run(clone, "system", SYSTEM_PYTHON="/bin/false")
    assert status == 1 and "has no onnxruntime; install the one of this computer" in text
    (clone / "module/onnxruntime.py").write_text("NAME, COMPUTES = 'system', True\n")
    status, text = run(clone, "system", SYSTEM_PYTHON=str(system))
    assert status == 1 and "there again" in text and imported(clone) == "onnxruntime"
    (site / "system.pth").write_text(f"{clone}/module\n")
    assert run(clone, "system", SYSTEM_PYTHON=str(system)) == (0, "")
    assert imported(clone) == "system"


def test_set_up_waits_for_another_apt_and_shows_what_apt_said(tmp_path):
    """With programs in place of the system's, and an apt-get that fails; a fresh system runs a nightly one."""
    shutil.copytree(ROOT / "setup", tmp_path / "setup")
    programs = tmp_path / "programs"
    programs.mkdir()
    told = 'case "$*" in *install*) echo "apt-get $*"; exit 100 ;; esac'
    for name, text in (("dpkg-query", ""), ("apt-get", told), ("sudo", 'shift; exec "$@"')):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    command = ["bash", str(tmp_path / "setup/setup.sh"), "onboard"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if "expected Debian 12" in done.stderr:
        pytest.skip("another system")
    assert done.returncode == 1
    assert "setup: apt-get failed" in done.stderr
    assert "--option=DPkg::Lock::Timeout=600" in done.stderr.splitlines()[-1]

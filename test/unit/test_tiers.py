# SPDX-License-Identifier: BSD-3-Clause
"""Dependencies point one way: learning, simulation, report, mapping -> core <- inference <- ros."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "camera_relocalization_ros"
ROOT = Path(__file__).resolve().parents[2]
TIERS = {
    "core": {"core"},
    "learning": {"learning", "core"},
    "simulation": {"simulation", "core"},
    "report": {"report", "core"},
    "mapping": {"mapping", "core"},
    "inference": {"inference", "core"},
    "ros": {"ros", "inference", "core", "msg", "srv"},
}
# the one module of ros that writes what simulation yields
EXCEPTIONS = {"ros/simulation_bag.py": {"simulation"}}
ROS_MODULES = {"rospy", "rosbag", "cv_bridge", "tf2_py", "tf2_ros", "genpy", "roslaunch", "rosgraph", "message_filters"}
HEAVY = {"torch", "lightning", "pyvista", "vtkmodules", "matplotlib", "onnxruntime", "sklearn"}
ALLOWED_HEAVY = {
    "learning": {"torch", "lightning", "onnxruntime"},
    "simulation": {"pyvista", "vtkmodules"},
    "report": {"matplotlib", "sklearn"},
    "inference": {"onnxruntime"},
}
# reads the mesh of an object, and imports VTK only where one is named
HEAVY_EXCEPTIONS = {"core/mesh_files.py": {"vtkmodules"}}


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


@pytest.mark.parametrize("tier", sorted(TIERS))
def test_a_tier_imports_only_what_lies_below_it(tier):
    folder = ROOT / PACKAGE / tier
    files = sorted(folder.rglob("*.py"))
    assert files
    for path in files:
        relative = str(path.relative_to(ROOT / PACKAGE))
        allowed = TIERS[tier] | EXCEPTIONS.get(relative, set())
        for module in imported_modules(path):
            top, _, rest = module.partition(".")
            if top == PACKAGE and rest:
                assert rest.split(".")[0] in allowed, f"{relative} imports {module}"
            if tier != "ros":
                assert top not in ROS_MODULES and not top.endswith("_msgs"), f"{relative} imports {module}"
            if top in HEAVY:
                heavy = ALLOWED_HEAVY.get(tier, set()) | HEAVY_EXCEPTIONS.get(relative, set())
                assert top in heavy, f"{relative} imports {module}"


def test_tests_of_what_flies_import_nothing_that_does_not():
    """They run on ROS Noetic's Python 3.8, where no other tier's libraries are installed."""
    for tier in ("core", "inference"):
        for path in (ROOT / "test" / "unit" / tier).glob("*.py"):
            for module in imported_modules(path):
                top, _, rest = module.partition(".")
                below = rest.split(".")[0]
                assert top != PACKAGE or below in TIERS[tier] | {"cli", "inference"}, f"{path.name} imports {module}"
                assert top not in HEAVY - {"onnxruntime"}, f"{path.name} imports {module}"


def test_what_flies_loads_no_torch_and_commands_load_nothing_heavy():
    flying = f"import {PACKAGE}.inference.relocalizer, {PACKAGE}.inference.evaluation"
    commands = f"from {PACKAGE}.cli.main import parser; parser()"
    for code, unwanted in ((flying, {"torch", "lightning"}), (commands, HEAVY | {"rospy", "scipy"})):
        check = f"import sys; {code}; print(sorted({unwanted!r} & set(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", check], cwd=str(ROOT), stdout=subprocess.PIPE, check=True, text=True
        )
        assert done.stdout.strip() == "[]", code


def test_every_subpackage_is_listed_for_catkin():
    listed = (ROOT / "setup.py").read_text(encoding="utf-8")
    for path in (ROOT / PACKAGE).rglob("__init__.py"):
        name = ".".join(path.parent.relative_to(ROOT / PACKAGE).parts)
        assert not name or f'"{name}"' in listed, name

# SPDX-License-Identifier: BSD-3-Clause
"""A folder answers one question; its path tells whether it flies; nothing that flies imports what is offline."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "camera_relocalization_ros"
ROOT = Path(__file__).resolve().parents[2]
# each folder with the folders that it may import, besides itself: those above it in this list
FLIES = {
    "core": set(),
    "vision": {"core"},
    "aircraft": {"core"},
    "bundle": {"core", "vision"},
    "localization": {"core", "vision", "bundle"},
    "ros": {"core", "aircraft", "msg", "srv"},
    "ros/node/outputs": {"core", "vision", "bundle", "localization", "ros", "msg"},
    "ros/node": {"core", "vision", "bundle", "localization", "ros", "ros/node/outputs", "msg", "srv"},
    "ros/aircraft": {"core", "aircraft", "ros"},
}
BOARD = {"core", "vision", "aircraft", "bundle", "localization"}
OFFLINE = {
    "data": BOARD,
    "fleet": {"core"},
    "evaluation": BOARD | {"data", "fleet"},
    "uncertainty": BOARD | {"data", "evaluation"},
    "mapping": BOARD | {"data", "fleet"},
    "training": BOARD | {"data", "fleet", "evaluation"},
    "simulation": {"core", "vision", "aircraft", "data"},
    "report": BOARD | {"data", "fleet", "evaluation"},
    "ros/bags": BOARD | {"data", "fleet", "evaluation", "simulation", "ros", "ros/node"},
    "ros/replay": BOARD | {"data", "evaluation", "ros", "ros/node", "ros/bags", "msg", "srv"},
}
# the steps of the work, and the commands that parse for them and print: above all else
OFFLINE["pipelines"] = {*FLIES, *OFFLINE}
OFFLINE["cli"] = {*FLIES, *OFFLINE}
TIERS = {**FLIES, **OFFLINE}
ROS_MODULES = {"rospy", "rosbag", "cv_bridge", "tf2_py", "tf2_ros", "genpy", "roslaunch", "rosgraph", "message_filters"}
HEAVY = {"torch", "lightning", "pyvista", "vtkmodules", "matplotlib", "onnxruntime", "sklearn"}
ALLOWED_HEAVY = {
    "training": {"torch", "lightning", "onnxruntime"},
    "simulation": {"pyvista", "vtkmodules"},
    "report": {"matplotlib", "sklearn"},
    "cli": {"matplotlib"},
    "localization": {"onnxruntime"},
}
# reads the mesh of an object, and imports VTK only where one is named
HEAVY_EXCEPTIONS = {"data/mesh_files.py": {"vtkmodules"}}
MAX_FILES = 20


def imported_modules(source: str, name: str):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tier_of(path: str) -> str:
    """The tier that a path below the package belongs to: the longest folder of the lists that it lies in."""
    found = [tier for tier in (*TIERS, "msg", "srv") if path == tier or path.startswith(tier + "/")]
    return max(found, key=len, default="")


def forbidden(source: str, path: str) -> list:
    """The imports of a module, as `path imports module`, that the rule of its tier forbids."""
    tier = tier_of(path)
    heavy = ALLOWED_HEAVY.get(tier, set()) | HEAVY_EXCEPTIONS.get(path, set())
    found = []
    for module in imported_modules(source, path):
        top, _, rest = module.partition(".")
        if top == PACKAGE and rest and tier_of(rest.replace(".", "/")) not in TIERS[tier] | {tier}:
            found.append(f"{path} imports {module}")
        if not tier.startswith("ros") and (top in ROS_MODULES or top.endswith("_msgs")):
            found.append(f"{path} imports {module}")
        if top in HEAVY - heavy:
            found.append(f"{path} imports {module}")
    return found


@pytest.mark.parametrize("tier", sorted(TIERS))
def test_a_tier_imports_only_what_lies_below_it(tier):
    files = [path for path in (ROOT / PACKAGE / tier).rglob("*.py") if tier_of(relative(path)) == tier]
    assert files
    arrows = [arrow for path in files for arrow in forbidden(path.read_text(encoding="utf-8"), relative(path))]
    assert not arrows, "\n".join(arrows)


def relative(path: Path) -> str:
    return path.relative_to(ROOT / PACKAGE).as_posix()


@pytest.mark.parametrize(
    "path, source",
    [
        ("core/camera.py", f"from {PACKAGE}.data.dataset import Dataset"),
        ("core/camera.py", f"from {PACKAGE} import data"),
        ("localization/landmarks/fusion.py", f"def f():\n    import {PACKAGE}.uncertainty.landmark_error_fit"),
        ("ros/node/status.py", f"from {PACKAGE}.ros.bags import reader"),
        ("ros/conversions.py", f"from {PACKAGE}.ros.node.status import NodeStatus"),
        ("bundle/sidecar.py", f"if TYPE_CHECKING:\n    from {PACKAGE}.training.config import TrainingConfig"),
        ("mapping/builder.py", "import rospy"),
        ("evaluation/results.py", "from sensor_msgs.msg import Image"),
        ("localization/relocalizer.py", "import torch"),
        ("evaluation/evaluate.py", f"from {PACKAGE}.pipelines.evaluate_bundle import evaluate_bundle"),
        ("pipelines/train_model.py", f"from {PACKAGE}.cli.main import main"),
    ],
)
def test_a_planted_arrow_is_found(path, source):
    assert forbidden(source, path)


def test_every_folder_has_a_tier_and_few_files_and_no_two_modules_have_one_name():
    modules = [path for path in sorted((ROOT / PACKAGE).rglob("*.py")) if path.parent.name not in {"cli", "pipelines"}]
    assert [path for path in modules if path.parent != ROOT / PACKAGE and not tier_of(relative(path))] == []
    for folder in {path.parent for path in modules}:
        assert len([path for path in folder.iterdir() if path.is_file()]) <= MAX_FILES, folder
    names = [path.stem for path in modules if path.stem != "__init__"]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


PYTHON38 = ("core", "vision", "aircraft", "bundle", "localization", "data", "evaluation", "uncertainty")


def test_tests_for_python38_import_nothing_that_needs_more_libraries():
    """They run on ROS Noetic's Python 3.8, where no other tier's libraries are installed."""
    script = (ROOT / "test" / "python38.sh").read_text(encoding="utf-8")
    assert "{" + ",".join(PYTHON38) + "}" in script
    for tier in PYTHON38:
        for path in (ROOT / "test" / "unit" / tier).rglob("*.py"):
            for module in imported_modules(path.read_text(encoding="utf-8"), path.name):
                top, _, rest = module.partition(".")
                below = tier_of(rest.replace(".", "/"))
                assert top != PACKAGE or not rest or below in {*PYTHON38, "cli"}, f"{path.name} imports {module}"
                assert top not in HEAVY - {"onnxruntime"}, f"{path.name} imports {module}"


def test_what_flies_loads_no_torch_and_commands_load_nothing_heavy():
    flying = f"import {PACKAGE}.localization.relocalizer, {PACKAGE}.localization.landmarks.staged_relocalizer"
    commands = f"from {PACKAGE}.cli.main import parser; parser()"
    # whose import takes half a second
    evaluation = f"import {PACKAGE}.evaluation.evaluate, {PACKAGE}.evaluation.rejection_table"
    for code, unwanted in (
        (flying, {"torch", "lightning", "scipy.stats"}),
        (evaluation, {"torch", "scipy.stats"}),
        (commands, HEAVY | {"rospy", "scipy"}),
    ):
        check = f"import sys; {code}; print(sorted({unwanted!r} & set(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", check], cwd=str(ROOT), stdout=subprocess.PIPE, check=True, text=True
        )
        assert done.stdout.strip() == "[]", code


def test_every_folder_of_modules_is_found_for_installing():
    # setup.py takes folders with an __init__.py, and Python would find the modules of others in a checkout all the same
    folders = {path.parent for path in (ROOT / PACKAGE).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []

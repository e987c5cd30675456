# SPDX-License-Identifier: BSD-3-Clause
"""What a script or notebook needs: names that load nothing before they are used, and the example of the docs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import OWN_PROCESS
from painted_wall import write_wall_dataset
from toy_backbone import ToyBackbone

import camera_relocalization_ros as package
from camera_relocalization_ros.data.splits import save_split
from camera_relocalization_ros.evaluation.result_files import load_result
from camera_relocalization_ros.training.backbones import BACKBONES

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "python_api.md").read_text(encoding="utf-8")
RECIPE = """
backbone: toy
precision: "32"
head: {members: 2, hidden: 32}
augmentation: {views: 0}
optimiser: {epochs: 2, batch_size: 8}
"""


def test_the_names_are_listed_once_and_are_there():
    tree = ast.parse((ROOT / "camera_relocalization_ros" / "__init__.py").read_text(encoding="utf-8"))
    for_checkers = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith(package.__name__)
        for alias in node.names
    ]
    assert sorted(for_checkers) == sorted(package.__all__) == sorted(package._MODULES)
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        found = getattr(package, name)
        assert found.__name__ == name and found.__module__ == f"{package.__name__}.{package._MODULES[name]}"
        assert f"`{name}`" in GUIDE
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


def test_importing_the_package_loads_nothing():
    code = "import sys; before = set(sys.modules); import camera_relocalization_ros; print(set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True, env=OWN_PROCESS)
    loaded = ast.literal_eval(done.stdout)
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {package.__name__}


def test_the_example_of_the_docs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(BACKBONES, "toy", ToyBackbone)
    write_wall_dataset(tmp_path / "flights", 24)
    save_split(
        tmp_path / "flights", "holdout", {"train": {"flight": [[0, 19]]}, "test": {"flight": [[20, 23]]}}, "test"
    )
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    example = re.search(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)[1]
    exec(compile(example, "docs/python_api.md", "exec"), {"__name__": "example"})
    printed = capsys.readouterr().out
    for line in ("20 frames: pose of", "training: 2 of 2 (epoch)", "features: 20 of 20 (image)", "evaluate: 4 of 4"):
        assert line in printed
    assert re.search(r"^fused [\d.]+ m$", printed, flags=re.MULTILINE)
    assert len(load_result(tmp_path / "out" / "result" / "fused")) == 4

# SPDX-License-Identifier: BSD-3-Clause
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "camera_relocalization_ros"


def test_setup_py_lists_every_subpackage():
    listed = re.search(r"SUBPACKAGES = \((.*?)\)", (ROOT / "setup.py").read_text(encoding="utf-8"), re.DOTALL)
    found = {
        ".".join(path.parent.relative_to(ROOT / PACKAGE).parts)
        for path in (ROOT / PACKAGE).rglob("__init__.py")
        if path.parent != ROOT / PACKAGE
    }
    assert set(re.findall(r'"([^"]+)"', listed[1])) == found


def test_folders_that_catkin_puts_on_the_path_are_no_packages():
    # the devel space adds the root to sys.path: a package here would hide others of its name
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == {PACKAGE}


def test_top_module_is_only_a_docstring():
    # the devel space runs it from elsewhere
    text = (ROOT / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith('"""')
    assert lines[-1].endswith('"""')
    assert "import" not in text

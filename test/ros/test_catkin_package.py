# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "camera_relocalization_ros"


def test_folders_that_catkin_puts_on_the_path_are_no_packages():
    # the devel space adds the root to sys.path: a package here would hide others of its name
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == {PACKAGE}


def test_top_module_runs_from_elsewhere_and_loads_only_the_standard_library():
    # the devel space's own module of the same name executes its text: no __file__ or __path__ of its own
    source = ROOT / PACKAGE / "__init__.py"
    program = f"import sys; exec(open({str(source)!r}).read(), {{}}); print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not {PACKAGE, "numpy"} & set(ran.stdout.split())

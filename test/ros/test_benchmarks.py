# SPDX-License-Identifier: BSD-3-Clause
"""Benchmarks are run by hand, long after the code they call has changed: what they import must still be there."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = sorted(ROOT.joinpath("benchmarks").glob("*.py"))


@pytest.fixture(scope="module")
def starts():
    """Exit status and text of each benchmark, asked what it does."""
    starter = ROOT / "test" / "support" / "program_starts.py"
    command = [sys.executable, str(starter), *map(str, BENCHMARKS)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_starts_and_says_what_it_does(path, starts):
    status, text = starts[str(path)]
    assert status == 0, text
    assert "usage:" in text


def defined(path):
    """Names that a module has at its top, without running it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def test_what_benchmarks_import_is_there_also_inside_their_functions():
    missing = []
    for path in BENCHMARKS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("camera_relocalization_ros."):
                continue
            module = ROOT.joinpath(*node.module.split("."))
            source = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
            # messages are built, and have no source here
            if source.is_file():
                known = defined(source) | {each.stem for each in module.glob("*.py")}
                missing += [f"{path.name}: {node.module}.{a.name}" for a in node.names if a.name not in known]
    assert missing == []


def test_jobs_are_timed_beside_their_limits(tmp_path):
    bench, page = BENCHMARKS[0].with_name("bench.py"), tmp_path / "RESULTS.md"
    options = ["--quick", "--jobs", "reloc --help", "a typo of train", "--results", str(page)]
    subprocess.run([sys.executable, str(bench), *options], check=True, capture_output=True)
    rows = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert [row[1].strip() for row in rows[2:]] == ["reloc --help", "a typo of train"]
    # what a command takes is more than Python alone takes to start
    assert all(float(row[5]) > 1 for row in rows[2:])

# SPDX-License-Identifier: BSD-3-Clause
"""Benchmarks are run by hand, long after the code they call has changed: what they import must still be there."""

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


def test_jobs_are_timed_beside_their_limits(tmp_path):
    bench, page = BENCHMARKS[0].with_name("bench.py"), tmp_path / "RESULTS.md"
    options = ["--quick", "--jobs", "reloc --help", "a typo of train", "--results", str(page)]
    subprocess.run([sys.executable, str(bench), *options], check=True, capture_output=True)
    rows = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert [row[1].strip() for row in rows[2:]] == ["reloc --help", "a typo of train"]
    # what a command takes is more than Python alone takes to start
    assert all(float(row[5]) > 1 for row in rows[2:])

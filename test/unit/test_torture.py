# SPDX-License-Identifier: BSD-3-Clause
"""A slice of `make torture`; each part of it tries something within a few seconds."""

import subprocess
import sys
from pathlib import Path

from helpers import OWN_PROCESS

PROGRAM = Path(__file__).resolve().parents[1] / "torture" / "torture.py"


def test_a_slice_finds_no_fault():
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--seconds", "15", "--chaos", "0"],
        env=OWN_PROCESS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    assert int(counts["kill points"]) > 0
    assert int(counts["inputs"]) > 0

# SPDX-License-Identifier: BSD-3-Clause
"""What is dear to make is made once for all processes that share the tests of one run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Callable

import pytest


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` of this run, filled by `make` in whichever process asks first; the others wait for it.

    A `make` that fails is tried again by the next that asks.
    """
    base = tmp_path_factory.getbasetemp()
    # each worker of pytest-xdist has a folder in that of the run
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = run / name, run / f"{name}.done"
    with open(run / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder

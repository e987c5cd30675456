# SPDX-License-Identifier: BSD-3-Clause
"""How a program of this package starts: threads that sleep while they wait, one line where a package is missing.

Loads only the standard library: what it says must come before NumPy.
"""

from __future__ import annotations

import importlib
import os
import sys

from camera_relocalization_ros.core.missing_package import missing_package_message


def let_waiting_threads_sleep() -> None:
    """Set the environment so that threads of NumPy and PyTorch sleep while they wait; what is set already stays.

    Threads of NumPy's OpenBLAS and of PyTorch's OpenMP wait for more work by spinning, for tens of milliseconds, and
    take the cores from whoever has work (docs/node.md). Both read this once, when they are loaded: to be called before
    them, by programs only, for it holds for the whole process.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_program(name: str, module: str) -> int:
    """Run main() of a module, imported only now; its exit code, or 1 where a package is missing, which is printed."""
    let_waiting_threads_sleep()
    try:
        return int(importlib.import_module(module).main())
    except ModuleNotFoundError as error:
        message = missing_package_message(error.name or "")
        if message is None:
            raise
        print(f"{name}: {message}", file=sys.stderr)
        return 1

# SPDX-License-Identifier: BSD-3-Clause
"""How a program of this package starts: how it waits and loads libraries, one line where a package is missing.

Loads only the standard library: what it says must come before NumPy.
"""

from __future__ import annotations

import importlib
import os
import sys

from camera_relocalization_ros.core.missing_package import missing_package_message


def prepare_process() -> None:
    """What our programs set for their process, and a library must not: to be called before NumPy is loaded."""
    let_waiting_threads_sleep()
    look_up_functions_when_called()


def let_waiting_threads_sleep() -> None:
    """Set the environment so that threads of NumPy and PyTorch sleep while they wait; what is set already stays.

    Threads of NumPy's OpenBLAS and of PyTorch's OpenMP wait for more work by spinning, for tens of milliseconds, and
    take the cores from whoever has work (docs/node.md). Both read this once, when they are loaded: to be called before
    them, by programs only, for it holds for the whole process.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def look_up_functions_when_called() -> None:
    """Have the loader look up a library's functions at their first call, not all of them when Python loads it.

    Python asks for all at once. Debian's OpenCV brings 350 libraries (VTK, GDAL, ...) of which we call a handful: it is
    loaded in two thirds of the processor's time so. Libraries linked with `-z now`, as Ubuntu's, and LD_BIND_NOW stay
    as they are.
    """
    sys.setdlopenflags(sys.getdlopenflags() & ~os.RTLD_NOW | os.RTLD_LAZY)


def run_program(name: str, module: str) -> int:
    """Run main() of a module, imported only now; its exit code, or 1 where a package is missing, which is printed."""
    prepare_process()
    try:
        return int(importlib.import_module(module).main())
    except ModuleNotFoundError as error:
        message = missing_package_message(error.name or "")
        if message is None:
            raise
        print(f"{name}: {message}", file=sys.stderr)
        return 1

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Starts each of some programs with --help, all in this one process: PROGRAM...; prints JSON, for each [status, text].

The libraries that they share are loaded once; a search path that one of them changes is put back for the next.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import sys
import traceback
from pathlib import Path


def start(program: Path) -> tuple[int, str]:
    """Exit status, and what it prints or its traceback."""
    text, path, environment = io.StringIO(), list(sys.path), dict(os.environ)
    sys.path.insert(0, str(program.parent))
    sys.argv = [str(program), "--help"]
    try:
        with contextlib.redirect_stdout(text):
            runpy.run_path(str(program), run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        status = 1
        text.write(traceback.format_exc())
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)
    return status, text.getvalue()


if __name__ == "__main__":
    del sys.path[0]  # this folder: a benchmark that needs it says so
    print(json.dumps({program: start(Path(program)) for program in sys.argv[1:]}))

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long the node `relocalizer` takes to import, of this checkout beside another one, in turns of one run.

    . ./env.sh
    python benchmarks/import_time.py OTHER_CHECKOUT [--module MODULE] [--other-module MODULE] [--pairs 15]

OTHER_CHECKOUT is built (`make setup` or `bash setup/setup.sh test` there). Both run with this Python and ROS. Prints
the least and the median of the time on the clock and of the processor, and how much lower they are here.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "camera_relocalization_ros"
NODE = "ros.node.startup"
# as the node's program does; older checkouts lack some of it
START = """
import importlib
load = importlib.import_module
try:
    from {package}.core.program import loaded as load, prepare_process
    prepare_process()
except ImportError:
    pass
load("{package}.{module}")
"""


def environment(checkout: Path) -> dict[str, str]:
    """The environment in which that checkout's package, and its messages, come first."""
    devel = checkout / ".catkin_ws" / "devel" / "lib"
    packages = [str(path) for path in sorted(devel.glob("python3*/*-packages"))]
    if not packages:
        raise SystemExit(f"{checkout}: has no built catkin workspace; type bash setup/setup.sh test there")
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    others = [path for path in inherited if path and not (Path(path) / PACKAGE).exists()]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*packages, *others])}


def time_import(checkout: Path, module: str) -> tuple[float, float]:
    """Seconds on the clock and of the processor that a new Python needs to import a module."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    # elsewhere than in a checkout, which lacks the messages
    program = START.format(package=PACKAGE, module=module)
    subprocess.run([sys.executable, "-c", program], cwd="/", env=environment(checkout), check=True)
    clock_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, metavar="OTHER_CHECKOUT")
    parser.add_argument("--module", default=NODE, help="below the package (default: %(default)s)")
    parser.add_argument("--other-module", metavar="MODULE", help="where it has another name there")
    parser.add_argument("--pairs", type=int, default=15)
    arguments = parser.parse_args()
    runs = {
        "here": (ROOT, arguments.module),
        "other": (arguments.other.resolve(), arguments.other_module or arguments.module),
    }
    for checkout, module in runs.values():  # into the disk's cache
        time_import(checkout, module)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(arguments.pairs):
        for name, run in runs.items():
            seconds[name].append(time_import(*run))
    for column, clock in enumerate(("clock", "processor")):
        here, other = (np.array(seconds[name])[:, column] for name in ("here", "other"))
        for figure, value in (("least", np.min), ("median", np.median)):
            change = 1 - value(here) / value(other)
            print(f"{clock:9} {figure:6}  here {value(here):.3f} s  other {value(other):.3f} s  {change:.1%} lower")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Breaks the package on purpose and counts.

Commands are killed at random moments, writers at every step, disks are full, every reader gets changed inputs, and all
around a live node goes wrong (where ROS is sourced).

Prints a table of what was tried and of what went wrong, and ends with 1 when anything did. `make torture` runs it for
half an hour, `make test` a slice of it. A fault that it names with a seed comes again with --seed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "support"), str(Path(__file__).resolve().parents[2])]

from helpers import OWN_PROCESS  # noqa: E402  as programs find what stands beside them
from kill_points import disk_cases, kill_points  # noqa: E402
from kills import random_kills  # noqa: E402
from mutations import read_mutated  # noqa: E402
from structures import read_structures  # noqa: E402

TRIED = ("kills", "kill points", "disk cases", "inputs", "seconds of chaos", "poses")
FAULTS = (
    *("half results", "lost finished work", "tracebacks", "hangs over 5 s", "memory over 1 GB", "process crashes"),
    *("poses not of their image", "poses published stale"),
)


def torture(seconds: float, seed: int, chaos_s: float = 0.0) -> tuple[Counter[str], list[str]]:
    """What was tried, by kind, and a line for each fault, which begins with its kind.

    chaos_s: seconds with a live node, after the others; with none, whole commands are not killed either.
    """
    counts: Counter[str] = Counter()
    faults: list[str] = []
    begun = time.monotonic()

    def over_at(share: float) -> bool:
        return time.monotonic() - begun > share * seconds

    with tempfile.TemporaryDirectory(prefix="torture_") as folder:
        kill_points(Path(folder), counts, faults, lambda: over_at(0.15))
        disk_cases(Path(folder), counts, faults, lambda: over_at(0.25))
        if chaos_s:
            random_kills(Path(folder), seed, counts, faults, lambda: over_at(0.45))
        read_structures(Path(folder), seed, counts, faults, lambda: over_at(0.7))
        read_mutated(Path(folder), seed, counts, faults, lambda: over_at(1.0))
    if chaos_s:
        chaos(chaos_s, seed, counts, faults)
    return counts, faults


def chaos(seconds: float, seed: int, counts: Counter[str], faults: list[str]) -> None:
    """In a process of its own, for what ROS starts stays in it; its numbers are added to the others."""
    # not the checkout itself, which would hide the messages that catkin built
    paths = os.pathsep.join([sys.path[0], os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(Path(__file__).with_name("chaos.py")), str(seconds), str(seed)]
    environment = {**OWN_PROCESS, "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    *lines, last = done.stdout.splitlines() or [""]
    if not last.startswith("{"):
        faults.append(f"tracebacks: chaos, seed {seed}: ended with {done.returncode}")
        return
    counts.update({name: count for name, count in json.loads(last).items() if name in TRIED})
    faults += [line for line in lines if line.startswith(FAULTS)]


def table(counts: Counter[str], faults: list[str]) -> str:
    """What was tried, and how often it went wrong in which way."""
    kinds = Counter(fault.partition(":")[0] for fault in faults)
    rows = [*((name, counts[name]) for name in TRIED), *((name, kinds[name]) for name in FAULTS)]
    return "\n".join(f"{name:<26}{count:>10}" for name, count in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1500.0, help="how long (default: 1500)")
    parser.add_argument(
        "--chaos", type=float, default=300.0, help="how long a live node beside that, 0: none (default: 300)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first batch of inputs (default: 0)")
    arguments = parser.parse_args()
    chaos_s = arguments.chaos if importlib.util.find_spec("rospy") else 0.0
    counts, faults = torture(arguments.seconds, arguments.seed, chaos_s)
    for fault in faults[:50]:
        print(fault)
    print(table(counts, faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

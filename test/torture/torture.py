#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Breaks the package on purpose and counts: writers killed at every step, full disks, changed inputs into every reader.

Prints a table of what was tried and of what went wrong, and ends with 1 when anything did. `make torture` runs it for
half an hour, `make test` a slice of it. A fault that it names with a seed comes again with --seed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "support"), str(Path(__file__).resolve().parents[2])]

from kill_points import disk_cases, kill_points  # noqa: E402  as programs find what stands beside them
from mutations import read_mutated  # noqa: E402

TRIED = ("kill points", "disk cases", "inputs")
FAULTS = (
    *("half results", "lost finished work", "tracebacks", "hangs over 5 s", "memory over 1 GB", "process crashes"),
)


def torture(seconds: float, seed: int) -> tuple[Counter[str], list[str]]:
    """What was tried, by kind, and a line for each fault, which begins with its kind."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    begun = time.monotonic()

    def over_at(share: float) -> bool:
        return time.monotonic() - begun > share * seconds

    with tempfile.TemporaryDirectory(prefix="torture_") as folder:
        kill_points(Path(folder), counts, faults, lambda: over_at(0.4))
        disk_cases(Path(folder), counts, faults, lambda: over_at(0.6))
        read_mutated(Path(folder), seed, counts, faults, lambda: over_at(1.0))
    return counts, faults


def table(counts: Counter[str], faults: list[str]) -> str:
    """What was tried, and how often it went wrong in which way."""
    kinds = Counter(fault.partition(":")[0] for fault in faults)
    rows = [*((name, counts[name]) for name in TRIED), *((name, kinds[name]) for name in FAULTS)]
    return "\n".join(f"{name:<20}{count:>10}" for name, count in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1500.0, help="how long (default: 1500)")
    parser.add_argument("--seed", type=int, default=0, help="of the first batch of inputs (default: 0)")
    arguments = parser.parse_args()
    counts, faults = torture(arguments.seconds, arguments.seed)
    for fault in faults[:50]:
        print(fault)
    print(table(counts, faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

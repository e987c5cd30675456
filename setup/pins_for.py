# SPDX-License-Identifier: BSD-3-Clause
"""Prints the pins of requirements files that hold for a version of Python on Linux, one a line.

python3 setup/pins_for.py 3.8 requirements/onboard.txt requirements/runtime-cpu.txt
"""

from __future__ import annotations

import sys
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement


def pins_for(version: str, paths: list[str]) -> list[str]:
    """NAME==VERSION of each line that holds, without markers."""
    environment = {"python_version": version, "python_full_version": f"{version}.0", "platform_machine": "aarch64"}
    lines = [line for path in paths for line in Path(path).read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-"))]
    return [f"{one.name}{one.specifier}" for one in found if one.marker is None or one.marker.evaluate(environment)]


if __name__ == "__main__":
    print("\n".join(pins_for(sys.argv[1], sys.argv[2:])))

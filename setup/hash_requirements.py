#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes requirements/onboard-hashed.txt: what flies, and all that it brings along, with the digests of the wheels.

pip says which wheels it would take on each Python and processor that flies; nothing is installed. Needs python3.8 and
python3.11 with pip on the path. To be run again when requirements/onboard.txt, runtime-cpu.txt or opencv.txt change.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "requirements"
SETS = ("onboard", "runtime-cpu", "opencv")
# Ubuntu 20.04's and Debian 12's Python, on a computer's processor and on a Jetson's or Raspberry Pi's
MARKERS = {"3.8": 'python_version < "3.9"', "3.11": 'python_version >= "3.11"'}
MACHINES = ("x86_64", "aarch64")
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
HEAD = """\
# What flies, each wheel by its digest: pip install --require-hashes -r requirements/onboard-hashed.txt
# takes these files and no others. opencv-python-headless only where the system's OpenCV is older than 4.5.1, as Ubuntu
# 20.04's is: leave its lines out elsewhere. Written by setup/hash_requirements.py.
"""


def wheels(python: str, machine: str) -> list[tuple[str, str]]:
    """("NAME==VERSION", sha256) of all that pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        command = [f"python{python}", "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
        command += ["--target", folder, "--report", f"{folder}/report", "--only-binary", ":all:"]
        command += ["--python-version", python, "--implementation", "cp"]
        for platform in PLATFORMS:
            command += ["--platform", f"{platform}_{machine}"]
        for name in SETS:
            command += ["-r", str(FOLDER / f"{name}.txt")]
        subprocess.run(command, check=True)
        items = json.loads(Path(folder, "report").read_text(encoding="utf-8"))["install"]
    return [
        (
            f"{item['metadata']['name'].lower()}=={item['metadata']['version']}",
            item["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for item in items
    ]


def main() -> None:
    """Write the file."""
    digests: dict[tuple[str, str], set[str]] = defaultdict(set)
    for python in MARKERS:
        for machine in MACHINES:
            for pin, sha256 in wheels(python, machine):
                digests[pin, python].add(sha256)
    lines = []
    for (pin, python), found in sorted(digests.items()):
        hashes = "".join(f" \\\n    --hash=sha256:{sha256}" for sha256 in sorted(found))
        lines.append(f"{pin}; {MARKERS[python]}{hashes}\n")
    (FOLDER / "onboard-hashed.txt").write_text(HEAD + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()

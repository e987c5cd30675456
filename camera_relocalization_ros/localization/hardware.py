# SPDX-License-Identifier: BSD-3-Clause
"""What the computer on board tells of itself: how warm it is, and how many cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

THERMAL_ZONES = Path("/sys/class/thermal")


def thermal_zones(folder: Path = THERMAL_ZONES) -> list[tuple[str, float]]:
    """(type, degrees Celsius) of each zone that can be read."""
    zones = []
    for zone in sorted(folder.glob("thermal_zone*")):
        try:
            zones.append(((zone / "type").read_text().strip(), int((zone / "temp").read_text()) / 1000.0))
        except (OSError, ValueError):  # a sensor that is switched off gives an error
            continue
    return zones


def usable_cores() -> int:
    """Cores that this process may run on: fewer than there are in a container, or below taskset."""
    return len(os.sched_getaffinity(0))


def threads_of_one_task() -> int:
    """Half of the cores, one at least: two tasks share them, the newest image and the search for landmarks in another.

    On a busy computer threads that work on one thing wait for whichever of them gets no turn, so fewer take less time.
    """
    return max(usable_cores() // 2, 1)

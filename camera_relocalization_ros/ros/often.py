# SPDX-License-Identifier: BSD-3-Clause
"""Tells what happens again and again from what happens once in a while, by the computer's own clock."""

from __future__ import annotations

import time
from collections import deque

# a camera or a bag that is started again is none of it
TIMES, WITHIN_S = 3, 5.0


class Often:
    """True when `note` was called TIMES within the last WITHIN_S; may be asked and told in any threads."""

    def __init__(self) -> None:
        self._noted_s: deque[float] = deque(maxlen=TIMES)

    def note(self) -> None:
        """It happened."""
        self._noted_s.append(time.monotonic())

    def clear(self) -> None:
        """It was something else."""
        self._noted_s.clear()

    def __bool__(self) -> bool:
        noted_s = list(self._noted_s)
        return len(noted_s) == TIMES and time.monotonic() - noted_s[0] < WITHIN_S

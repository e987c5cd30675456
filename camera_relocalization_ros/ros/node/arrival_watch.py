# SPDX-License-Identifier: BSD-3-Clause
"""Notices two cameras on one topic, and stamps that go to and fro: nothing can be followed from image to image then."""

from __future__ import annotations

import time
from collections import deque

# so often within so many seconds: a camera that is started again, or a bag that is looped, is none of it
TIMES, WITHIN_S = 3, 5.0


class ArrivalWatch:
    """Takes who sent an image, and its stamp, in whatever threads these arrive."""

    def __init__(self) -> None:
        self._senders = ("", "")
        self._last_ns = 0
        self._changed_s: deque[float] = deque(maxlen=TIMES)
        self._back_s: deque[float] = deque(maxlen=TIMES)

    def note(self, sender: str, stamp_ns: int) -> None:
        """An image arrived."""
        last = self._senders[1]
        if sender != last:
            self._senders = last, sender
            if last:
                self._changed_s.append(time.monotonic())
        if stamp_ns < self._last_ns:
            self._back_s.append(time.monotonic())
        self._last_ns = stamp_ns

    @property
    def complaint(self) -> str:
        """What is wrong, "" when nothing is."""
        if _is_often(self._changed_s):
            return f"images come by turns from {' and '.join(sorted(self._senders))}: two cameras on one topic?"
        if _is_often(self._back_s):
            return f"stamps of images from {self._senders[1]} go back again and again"
        return ""


def _is_often(times_s: deque[float]) -> bool:
    # another thread may append meanwhile
    copied = list(times_s)
    return len(copied) == TIMES and time.monotonic() - copied[0] < WITHIN_S

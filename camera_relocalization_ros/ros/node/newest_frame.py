# SPDX-License-Identifier: BSD-3-Clause
"""A box for one frame between the subscriber's thread and the worker: the newest wins, losses are counted."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

# of the messages that were replaced before their turn, those that are kept for whoever takes the next one
LONGEST_MISSED = 16


@dataclass(frozen=True)
class Arrival:
    """A message, when it came in seconds of time.monotonic(), and those replaced since the one before, oldest first."""

    message: Any
    received_s: float
    missed: tuple[Any, ...] = ()


class NewestFrame:
    """Both ends may be in any thread; `seen` counts what was put in, `dropped` what was replaced before its turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._arrival: Arrival | None = None
        self._missed: deque[Any] = deque(maxlen=LONGEST_MISSED)
        self.seen = 0
        self.dropped = 0
        self.closed = False

    def put(self, message: Any) -> None:
        """Replace what is in the box."""
        with self._changed:
            self.seen += 1
            if self._arrival is not None:
                self.dropped += 1
                self._missed.append(self._arrival.message)
            self._arrival = Arrival(message, time.monotonic())
            self._changed.notify()

    def take(self, timeout_s: float) -> Arrival | None:
        """Empty the box, waiting for something to be in it; None when the time is over or the box was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrival is not None or self.closed, timeout_s)
            arrival, self._arrival = self._arrival, None
            missed = tuple(self._missed)
            self._missed.clear()
            return None if self.closed or arrival is None else replace(arrival, missed=missed)

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

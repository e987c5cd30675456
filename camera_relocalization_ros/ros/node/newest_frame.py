# SPDX-License-Identifier: BSD-3-Clause
"""A box for one frame between the subscriber's thread and the worker: the newest wins, losses are counted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arrival:
    """A message, and when it came: seconds of time.monotonic()."""

    message: Any
    received_s: float


class NewestFrame:
    """Both ends may be in any thread; `seen` counts what was put in, `dropped` what was replaced before its turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._arrival: Arrival | None = None
        self.seen = 0
        self.dropped = 0
        self.closed = False

    def put(self, message: Any) -> None:
        """Replace what is in the box."""
        with self._changed:
            self.seen += 1
            self.dropped += self._arrival is not None
            self._arrival = Arrival(message, time.monotonic())
            self._changed.notify()

    def take(self, timeout_s: float) -> Arrival | None:
        """Empty the box, waiting for something to be in it; None when the time is over or the box was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrival is not None or self.closed, timeout_s)
            arrival, self._arrival = self._arrival, None
            return None if self.closed else arrival

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

# SPDX-License-Identifier: BSD-3-Clause
"""Progress on a terminal as bars, in a file as one line for each long task."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

    from camera_relocalization_ros.core.progress import Progress, Step

# of a task that took less nothing is written into a file
LONG_S = 10.0
logger = logging.getLogger(__name__)


def shows_bars() -> bool:
    """Whether a person looks on: standard error is a terminal, and not a file, a pipe or a log."""
    return sys.stderr.isatty()


def progress_shown() -> Progress:
    """The callback for `core.progress` that fits where standard error goes."""
    return ProgressBars() if shows_bars() else ProgressLines()


class ProgressBars:
    """A bar for each task that is going on; a callback for `core.progress`."""

    def __init__(self) -> None:
        self._bars: dict[str, tqdm] = {}

    def __call__(self, step: Step) -> None:
        """Begin, move or end the bar of the step's task."""
        from tqdm import tqdm

        if step.is_over:
            if step.task in self._bars:
                self._bars.pop(step.task).close()
            return
        if step.task not in self._bars:
            # a total of 0 is one that is not known
            self._bars[step.task] = tqdm(desc=step.task, total=step.total or None, unit=step.unit)
        bar = self._bars[step.task]
        if step.note:
            bar.set_postfix_str(step.note, refresh=False)
        bar.update(step.done - bar.n)


class ProgressLines:
    """A line for each task that took long, when it is over; a callback for `core.progress`."""

    def __init__(self, long_s: float = LONG_S) -> None:
        self._long_s = long_s
        self._begun: dict[str, float] = {}

    def __call__(self, step: Step) -> None:
        """Note when the step's task began, or say how long it took."""
        begun, now = self._begun.setdefault(step.task, time.monotonic()), time.monotonic()
        if step.is_over:
            del self._begun[step.task]
            if now - begun >= self._long_s:
                logger.info("%s: %d %ss in %.0f s", step.task, step.done, step.unit, now - begun)

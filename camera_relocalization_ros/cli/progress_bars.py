# SPDX-License-Identifier: BSD-3-Clause
"""Progress as bars on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

    from camera_relocalization_ros.core.progress import Step


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

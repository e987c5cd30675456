# SPDX-License-Identifier: BSD-3-Clause
"""Landmarks behind a live stream: each image is answered at once, and some are refined meanwhile in a thread."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkStage, RefinedImage

REFINED = "refined"
# more than the answers' own, of the thread that refines: they go first where there are not cores enough for both
NICENESS = 10
# of the search, between two of its steps
LONGEST_PAUSE_S = 0.1


class LiveLandmarks:
    """Answers by following the landmarks of the image refined last; not thread-safe itself.

    Of every image: `hold`, `answer`, publish, `search`. The search stands still between its steps while it is held.
    rate_hz: refinements a second at most, 0: one after the other. counts: how they ended, REFINED or a kind of refusal.
    """

    def __init__(self, stage: LandmarkStage, rate_hz: float, counts: Counter[str]) -> None:
        self._stage = stage
        self._counts = counts
        self._period_s = 1 / rate_hz if rate_hz else 0.0
        self._started_s = -self._period_s
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refine", initializer=_be_nice)
        self._pending: Future[RefinedImage] | None = None
        self._answered: tuple[np.ndarray, Estimate, Estimate] | None = None
        self._is_idle = threading.Event()

    def hold(self) -> None:
        """Let the search give way: an image came."""
        self._is_idle.clear()
        self._answered = None

    def answer(self, image_rgb: np.ndarray, estimate: Estimate) -> Estimate:
        """The best pose that is at hand for an image with its regression; raises FrameError."""
        grey = self._stage.grey(image_rgb)
        self._take_refined()
        best = self._stage.follow(grey, estimate)
        self._answered = grey, estimate, best
        return best

    def search(self) -> None:
        """Let the search go on, or begin with the image just answered if it is time."""
        self._is_idle.set()
        now_s = time.monotonic()
        if self._answered and self._pending is None and now_s - self._started_s >= self._period_s:
            self._started_s = now_s
            self._pending = self._worker.submit(self._stage.refine, *self._answered, self._give_way)

    def _give_way(self) -> None:
        # not for ever: where answers take all the time there is, something must be found at last
        self._is_idle.wait(LONGEST_PAUSE_S)

    def reset(self) -> None:
        """Forget earlier images, also the one that is being refined."""
        self._stage.reset()
        self._pending = self._answered = None

    def close(self) -> None:
        """End the thread after what it is at."""
        self._worker.shutdown(wait=False)

    def _take_refined(self) -> None:
        if self._pending is None or not self._pending.done():
            return
        refined, self._pending = self._pending.result(), None
        self._counts[REFINED if refined.refusal is None else refined.refusal.kind.value] += 1
        if refined.refusal is None:
            self._stage.track(refined)


def _be_nice() -> None:
    """Let all other threads of this process go first; only Linux gives a thread a priority of its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + NICENESS, 19))

# SPDX-License-Identifier: BSD-3-Clause
"""The two ways to run landmarks behind a live stream: each image refined before it is estimated, or some beside it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Callable, Protocol

import numpy as np

from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.gate import GateDecision, RejectionReason
from camera_relocalization_ros.localization.landmarks.health import HealthMeter, LandmarkHealth
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline, RefinedImage

# above that of the other threads: the thread that refines gives way where there are not cores enough for both
NICENESS = 10
# of a refinement, between two of its steps
LONGEST_PAUSE_S = 0.1


@dataclass
class RefinementCounts:
    """How refinements ended: accepted by the gate, or rejected for a reason."""

    accepted: int = 0
    rejected: Counter[RejectionReason] = field(default_factory=Counter)

    def add(self, decision: GateDecision) -> None:
        """Count one more."""
        if decision.reason is None:
            self.accepted += 1
        else:
            self.rejected[decision.reason] += 1

    @property
    def rejected_by_kind(self) -> dict[str, int]:
        """As messages name the reasons."""
        return {reason.value: count for reason, count in self.rejected.items()}

    @property
    def total(self) -> int:
        """Images that were searched for landmarks."""
        return self.accepted + sum(self.rejected.values())


class LandmarkLocalizer(Protocol):
    """Estimates poses by landmarks, image by image of one stream; not thread-safe."""

    def estimate(self, image_rgb: np.ndarray, regression: Estimate) -> Estimate:
        """The best pose for an image (H, W, 3) uint8 with its regression; raises FrameError."""

    def reset(self) -> None:
        """Forget earlier images."""


class SequentialLandmarks:
    """A LandmarkLocalizer that refines every image before it is estimated, however long that takes."""

    def __init__(self, pipeline: LandmarkPipeline, counts: RefinementCounts) -> None:
        self._pipeline = pipeline
        self._counts = counts

    def estimate(self, image_rgb: np.ndarray, regression: Estimate) -> Estimate:
        """As LandmarkLocalizer has it."""
        staged = self._pipeline.estimate(image_rgb, regression)
        self._counts.add(staged.decision)
        return staged.fused

    def reset(self) -> None:
        """As LandmarkLocalizer has it."""
        self._pipeline.reset()


class BackgroundLandmarks:
    """A LandmarkLocalizer that tracks the landmarks of the image refined last; a thread refines some images meanwhile.

    Of every image: `pause`, `estimate`, publish, `refine`. make_pipeline: given what a refinement has to call between
    its steps, which is where it stands still while it is paused. rate_hz: refinements a second at most, 0: one after
    the other.
    """

    def __init__(
        self,
        make_pipeline: Callable[[Callable[[], None]], LandmarkPipeline],
        rate_hz: float,
        counts: RefinementCounts,
    ) -> None:
        self._pipeline = make_pipeline(self._give_way)
        self._counts = counts
        self._period_s = 1 / rate_hz if rate_hz else 0.0
        self._started_s = -self._period_s
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refine", initializer=_be_nice)
        self._pending: Future[RefinedImage] | None = None
        self._meter = HealthMeter()
        self._health = self._meter.health
        self._newest: tuple[np.ndarray, Estimate, Estimate] | None = None
        self._may_go_on = threading.Event()

    @property
    def health(self) -> LandmarkHealth:
        """Whether the search keeps up with the images; may be asked for in any thread."""
        return self._health

    def pause(self) -> None:
        """Let the refinement give way: an image came."""
        self._may_go_on.clear()
        self._newest = None

    def estimate(self, image_rgb: np.ndarray, regression: Estimate) -> Estimate:
        """As LandmarkLocalizer has it; never waits for a refinement."""
        grey = self._pipeline.grey(image_rgb)
        self._take_refined()
        best = self._pipeline.track(grey, regression)
        self._newest = grey, regression, self._pipeline.prior(best)
        self._meter.image(best.stage is Stage.TRACKED, self._pipeline.landmarks_age_s)
        self._health = self._meter.health
        return best

    def refine(self) -> None:
        """Let the refinement go on, or begin one of the image just estimated if it is time."""
        self._may_go_on.set()
        now_s = time.monotonic()
        if self._pipeline.is_catching_up:
            return
        if self._newest and self._pending is None and now_s - self._started_s >= self._period_s:
            self._started_s = now_s
            self._meter.began()
            self._pending = self._worker.submit(self._refined, *self._newest, self._meter.scale)

    def reset(self) -> None:
        """As LandmarkLocalizer has it, also the image that is being refined."""
        self._pipeline.reset()
        self._pending = self._newest = None

    def close(self) -> None:
        """End the thread after what it is at."""
        self._worker.shutdown(wait=False)

    def _refined(self, grey: np.ndarray, regression: Estimate, prior: Estimate, scale: float) -> RefinedImage:
        """In the worker's thread: the refined image, and what it took."""
        started_s, started_processor_s = time.perf_counter(), time.thread_time()
        refined = self._pipeline.refine(grey, regression, prior, scale)
        processor_s = time.thread_time() - started_processor_s
        return replace(refined, clock_s=time.perf_counter() - started_s, processor_s=processor_s)

    def _give_way(self) -> None:
        # not for ever: where images take all the time there is, something must be found at last
        self._may_go_on.wait(LONGEST_PAUSE_S)

    def _take_refined(self) -> None:
        if self._pending is None or not self._pending.done():
            return
        refined, self._pending = self._pending.result(), None
        self._counts.add(refined.decision)
        self._meter.ended(refined.clock_s, refined.processor_s, refined.effort)
        if refined.decision.is_accepted:
            self._pipeline.start_tracking(refined)


def _be_nice() -> None:
    """Let all other threads of this process go first; only Linux gives a thread a priority of its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + NICENESS, 19))

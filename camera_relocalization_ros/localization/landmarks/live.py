# SPDX-License-Identifier: BSD-3-Clause
"""The two ways to run landmarks behind a live stream: each image refined before it is estimated, or some beside it."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Callable, Protocol

import numpy as np

from camera_relocalization_ros.core.image_files import Picture
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.agreement import Prior
from camera_relocalization_ros.localization.landmarks.gate import GateDecision, RejectionReason
from camera_relocalization_ros.localization.landmarks.health import HealthMeter, LandmarkHealth
from camera_relocalization_ros.localization.landmarks.network_beside import NetworkBeside, be_nice
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline, RefinedImage

# Of a refinement, between two of its steps, while an image is processed. It gets its share between the images; beside
# one it would make that slower, for Python's lock passes from thread to thread in turns of 5 ms.
LONGEST_PAUSE_S = 1.0
# Of the processor's time that images take while one is refined, what the refinement must have had: on a busy computer
# images alone would take all there is. Without landmarks no pose is OK, so they are found first.
TRACKED_SHARE, LOST_SHARE = 0.25, 4.0
# of a core: a refinement that has had so much since it began lacks nothing, and no image waits for it
ENOUGH_SHARE = 0.5
# what the next image waits for that at most
LONGEST_WAIT_S = 0.25


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
    """Estimates poses by landmarks, image by image of one stream; not thread-safe.

    Of every image: `estimate_tracked`, and where that has none `estimate`, for which the network has to look at it.
    """

    @property
    def is_tracking(self) -> bool:
        """Whether `estimate_tracked` may have a pose of the next image."""

    def estimate_tracked(self, picture: Picture, stamp_ns: int) -> Estimate | None:
        """The best pose for an image where that needs no network; raises FrameError."""

    def estimate(self, picture: Picture, regression: Estimate) -> Estimate:
        """The best pose for an image with its regression; raises FrameError."""

    def miss(self, decode_grey: Callable[[], np.ndarray], stamp_ns: int) -> None:
        """Remember an image (H, W) that nobody has time for; the decoder may raise FrameError."""

    def reset(self) -> None:
        """Forget earlier images."""


class SequentialLandmarks:
    """A LandmarkLocalizer that refines every image before it is estimated, however long that takes."""

    def __init__(self, pipeline: LandmarkPipeline, counts: RefinementCounts) -> None:
        self._pipeline = pipeline
        self._counts = counts

    @property
    def is_tracking(self) -> bool:
        """As LandmarkLocalizer has it: no, for each image is refined near its regression."""
        return False

    def estimate_tracked(self, picture: Picture, stamp_ns: int) -> Estimate | None:
        """As LandmarkLocalizer has it."""
        return None

    def estimate(self, picture: Picture, regression: Estimate) -> Estimate:
        """As LandmarkLocalizer has it."""
        staged = self._pipeline.estimate(picture.grey, regression)
        self._counts.add(staged.decision)
        return staged.fused

    def miss(self, decode_grey: Callable[[], np.ndarray], stamp_ns: int) -> None:
        """As LandmarkLocalizer has it: what is between two images is of no use where each is searched."""

    def reset(self) -> None:
        """As LandmarkLocalizer has it."""
        self._pipeline.reset()


class BackgroundLandmarks:
    """A LandmarkLocalizer that tracks the landmarks of the image refined last; a thread refines some images meanwhile.

    Of every image: `pause`, `estimate_tracked` and maybe `estimate`, publish, `refine`. make_pipeline: given what a
    refinement has to call between its steps, which is where it stands still while it is paused. regress: the network's
    word for an image (H, W, 3) and its stamp, in another thread, which looks at some of the images that are tracked;
    raises FrameError. rate_hz: refinements a second at most, 0: one after the other.
    """

    def __init__(
        self,
        make_pipeline: Callable[[Callable[[], None]], LandmarkPipeline],
        regress: Callable[[np.ndarray, int], Estimate],
        rate_hz: float,
        counts: RefinementCounts,
    ) -> None:
        # neither pipeline nor thread refers to this object: it goes, with the map, when the last one lets go of it
        self._may_go_on = threading.Event()
        self._pipeline = make_pipeline(partial(_give_way, self._may_go_on))
        self._counts = counts
        self._period_s = 1 / rate_hz if rate_hz else 0.0
        self._started_s = -self._period_s
        self._thread = RefiningThread()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refine", initializer=self._thread.start)
        # seconds of the processor, of the thread of the images and of that which refines, when that began
        self._began = 0.0, 0.0
        self._pending: Future[RefinedImage] | None = None
        self._looks = NetworkBeside(regress)
        self._meter = HealthMeter()
        self._health = self._meter.health
        self._newest: tuple[np.ndarray, Estimate, Prior] | None = None
        # an image that was followed, and waits for its regression
        self._followed: np.ndarray | None = None

    @property
    def health(self) -> LandmarkHealth:
        """Whether the search keeps up with the images; may be asked for in any thread."""
        return self._health

    def pause(self) -> None:
        """Let the refinement give way: an image came."""
        self._may_go_on.clear()
        self._newest = None

    @property
    def is_tracking(self) -> bool:
        """As LandmarkLocalizer has it: also where a refinement ended since the last image."""
        return self._pipeline.is_tracking or (self._pending is not None and self._pending.done())

    def estimate_tracked(self, picture: Picture, stamp_ns: int) -> Estimate | None:
        """As LandmarkLocalizer has it; never waits for a refinement."""
        grey = self._followed = self._pipeline.grey(picture.grey)
        self._take_refined()
        looked = self._looks.take()
        if looked is not None:
            self._pipeline.looked(looked.regression, looked.tracked)
        found = self._pipeline.follow(grey, stamp_ns)
        if found is None:
            return None
        self._followed = None
        if self._pipeline.is_look_due(stamp_ns):
            self._looks.ask(picture, stamp_ns, found[1].pose)
        return self._taken(grey, *found)

    def estimate(self, picture: Picture, regression: Estimate) -> Estimate:
        """As LandmarkLocalizer has it; never waits for a refinement."""
        grey, self._followed = self._followed, None
        if grey is None:
            grey = self._pipeline.grey(picture.grey)
            self._take_refined()
            return self._taken(grey, regression, self._pipeline.track(grey, regression))
        return self._taken(grey, regression, self._pipeline.judge(regression))

    def miss(self, decode_grey: Callable[[], np.ndarray], stamp_ns: int) -> None:
        """As LandmarkLocalizer has it."""
        self._pipeline.miss(decode_grey, stamp_ns)

    def _taken(self, grey: np.ndarray, regression: Estimate, best: Estimate) -> Estimate:
        """The best pose of an image; it may be searched for landmarks from now on."""
        self._newest = grey, regression, self._pipeline.prior(best)
        self._meter.image(best.stage is Stage.TRACKED, self._pipeline.landmarks_age_s)
        self._health = self._meter.health
        return best

    def refine(self) -> None:
        """Let the refinement go on, or begin one of the image just estimated if it is time, and a look of the network.

        Waits where images have left it too little of the processor.
        """
        self._may_go_on.set()
        self._looks.start()
        now_s = time.monotonic()
        is_due = not self._pipeline.is_catching_up and now_s - self._started_s >= self._period_s
        if self._pending is None and self._newest and is_due:
            self._started_s = now_s
            self._meter.began()
            self._began = time.thread_time(), self._thread.processor_s
            self._pending = self._worker.submit(self._refined, *self._newest, self._meter.scale, self._meter.is_hurried)
        elif self._pending is not None and self._thread.has_begun:
            self._share_processor(self._pending, now_s + LONGEST_WAIT_S)

    def reset(self) -> None:
        """As LandmarkLocalizer has it, also the image that is being refined."""
        self._pipeline.reset()
        self._pending = self._newest = self._followed = None
        self._looks.reset()

    def close(self) -> None:
        """End the threads after what they are at."""
        self._worker.shutdown(wait=False)
        self._looks.close()

    def _share_processor(self, pending: Future[RefinedImage], until_s: float) -> None:
        """Wait until the refinement has had its share."""
        share = LOST_SHARE if math.isnan(self._pipeline.landmarks_age_s) else TRACKED_SHARE
        images_s, elapsed_s = time.thread_time() - self._began[0], time.monotonic() - self._started_s
        wanted_s = self._began[1] + min(share * images_s, ENOUGH_SHARE * elapsed_s)
        while time.monotonic() < until_s and self._thread.processor_s < wanted_s and not pending.done():
            wait([pending], min(wanted_s - self._thread.processor_s, until_s - time.monotonic()))

    def _refined(
        self, grey: np.ndarray, regression: Estimate, prior: Prior, scale: float, is_hurried: bool
    ) -> RefinedImage:
        """In the worker's thread: the refined image, and what it took."""
        started_s, started_processor_s = time.perf_counter(), time.thread_time()
        refined = self._pipeline.refine(grey, regression, prior, scale, is_hurried)
        processor_s = time.thread_time() - started_processor_s
        return replace(refined, clock_s=time.perf_counter() - started_s, processor_s=processor_s)

    def _take_refined(self) -> None:
        if self._pending is None or not self._pending.done():
            return
        refined, self._pending = self._pending.result(), None
        self._counts.add(refined.decision)
        self._meter.ended(refined.clock_s, refined.processor_s, refined.effort)
        self._pipeline.take(refined)


class RefiningThread:
    """What the thread that refines has had of the processor, in seconds."""

    def __init__(self) -> None:
        # what time.clock_gettime takes; None where no thread has begun
        self._clock: int | None = None

    def start(self) -> None:
        """In that thread, first of all."""
        be_nice()
        self._clock = time.pthread_getcpuclockid(threading.get_ident())

    @property
    def has_begun(self) -> bool:
        """Whether there is a thread."""
        return self._clock is not None

    @property
    def processor_s(self) -> float:
        """0 while there is no thread."""
        return 0.0 if self._clock is None else time.clock_gettime(self._clock)


def _give_way(may_go_on: threading.Event) -> None:
    # not for ever: whatever becomes of the image, something must be found at last
    may_go_on.wait(LONGEST_PAUSE_S)

# SPDX-License-Identifier: BSD-3-Clause
"""Beside a live stream landmarks are searched in the background: nothing waits for it, and it lets answers go first."""

import gc
import os
import sys
import threading
import weakref
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial

import numpy as np
import pytest
from painted_wall import CAMERA, error_m, flight, paint, stamp, view

from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.core.image_files import Picture
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.localization.landmarks.health import LONGEST_SEARCH_S, SMALL_SCALE, HealthMeter
from camera_relocalization_ros.localization.landmarks.live import BackgroundLandmarks, RefinementCounts
from camera_relocalization_ros.localization.landmarks.network_beside import NICENESS
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline

WALL = paint()


class SlowPipeline(LandmarkPipeline):
    """One whose refinements wait to be let go."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.gate = threading.Semaphore(0)

    def refine(self, *arguments):
        assert self.gate.acquire(timeout=60)
        return super().refine(*arguments)


def beside(relocalizer, kind=LandmarkPipeline):
    """Landmarks of the wall, searched beside a stream."""
    make_pipeline = partial(kind, relocalizer.bundle.landmark_map, CAMERA)
    return BackgroundLandmarks(make_pipeline, relocalizer.sibling().estimate, 0.0, RefinementCounts())


def search_one(live, relocalizer):
    """Show it an image, and wait for the search of it."""
    image = view(flight(1, seed=5)[0], WALL)
    live.estimate(Picture.of(image), relocalizer.estimate(image, stamp(0)))
    live.refine()
    live._pending.result(timeout=30)


def test_a_live_stream_never_waits_for_a_refinement_and_takes_it_when_it_is_there(relocalizer):
    slow = SlowPipeline(relocalizer.bundle.landmark_map, CAMERA)
    counts = RefinementCounts()
    live = BackgroundLandmarks(lambda between_steps: slow, relocalizer.sibling().estimate, 0.0, counts)
    poses = flight(9, seed=5)

    def estimate(number):
        image = view(poses[number], WALL)
        live.pause()
        best = live.estimate(Picture.of(image), relocalizer.estimate(image, stamp(number)))
        live.refine()
        return best

    # the thread is held: were answers to wait for it, this would not end
    assert [estimate(number).stage for number in range(3)] == [Stage.REGRESSION] * 3
    slow.gate.release()
    live._pending.result(timeout=30)
    # image 0 was refined; the landmarks are followed from there to image 3, over those between
    third = estimate(3)
    assert third.stage is Stage.TRACKED and error_m(third, poses[3]) < 0.02
    assert counts == RefinementCounts(accepted=1)
    # what is refined while the stream starts anew is of the old one
    pending = live._pending
    live.reset()
    live.refine()
    assert live._pending is None
    slow.gate.release()
    pending.result(timeout=30)
    assert estimate(4).stage is Stage.REGRESSION
    assert counts == RefinementCounts(accepted=1)
    slow.gate.release()
    live.close()


@pytest.mark.parametrize(("missed", "is_tracked"), [("as they are", True), ("none", False), ("broken", False)])
def test_what_a_late_search_found_is_tracked_by_way_of_images_that_nobody_had_time_for(relocalizer, missed, is_tracked):
    slow = SlowPipeline(relocalizer.bundle.landmark_map, CAMERA)
    live = BackgroundLandmarks(lambda between_steps: slow, relocalizer.sibling().estimate, 0.0, RefinementCounts())
    poses = flight(13, seed=5)

    def grey(number):
        if missed == "broken":
            raise FrameError("cut short")
        return Picture.of(view(poses[number], WALL)).grey

    stages = []
    # every sixth image only: too far apart to track from one to the next
    for number in (0, 6, 12):
        if missed != "none":
            for between in range(max(number - 5, 0), number):
                live.miss(partial(grey, between), stamp(between))
        image = view(poses[number], WALL)
        live.pause()
        best = live.estimate(Picture.of(image), relocalizer.estimate(image, stamp(number)))
        stages.append(best.stage)
        live.refine()
        if number == 0:
            slow.gate.release()
            live._pending.result(timeout=30)
    assert stages == [Stage.REGRESSION] + [Stage.TRACKED if is_tracked else Stage.REGRESSION] * 2
    if is_tracked:
        assert error_m(best, poses[12]) < 0.03
    slow.gate.release()
    live.close()


def test_a_search_stands_still_while_an_image_is_answered_but_not_for_ever(relocalizer, monkeypatch):
    reached, steps = threading.Semaphore(0), []

    def make_pipeline(between_steps):
        def step():
            steps.append(None)
            reached.release()
            between_steps()

        return LandmarkPipeline(relocalizer.bundle.landmark_map, CAMERA, step)

    monkeypatch.setattr("camera_relocalization_ros.localization.landmarks.live.LONGEST_PAUSE_S", 60.0)
    live = BackgroundLandmarks(make_pipeline, relocalizer.sibling().estimate, 0.0, RefinementCounts())
    image = view(flight(1, seed=5)[0], WALL)
    live.estimate(Picture.of(image), relocalizer.estimate(image, stamp(0)))
    live.refine()
    live.pause()
    assert reached.acquire(timeout=30)
    with pytest.raises(FutureTimeout):
        live._pending.result(timeout=0.5)
    assert len(steps) < 3
    live.refine()
    assert live._pending.result(timeout=30).decision.is_accepted and len(steps) == 3
    # images that come without a pause
    monkeypatch.setattr("camera_relocalization_ros.localization.landmarks.live.LONGEST_PAUSE_S", 0.01)
    live.pause()
    live.estimate(Picture.of(image), relocalizer.estimate(image, stamp(1)))
    live.refine()
    live.pause()
    # near what is tracked by then, because searches take long: a guided one has two steps
    assert live._pending.result(timeout=30).decision.is_accepted and len(steps) == 4
    live.close()


def test_what_is_closed_goes_at_once_with_its_map(relocalizer):
    """Python's collector of garbage may wait for minutes, and the map of each model before would be kept till then."""
    live = beside(relocalizer)
    search_one(live, relocalizer)
    thread = next(iter(live._worker._threads))
    live.close()
    thread.join(30)
    gone = weakref.ref(live)
    gc.disable()
    try:
        del live
        assert gone() is None
    finally:
        gc.enable()


def test_whether_the_search_keeps_up_is_told_in_numbers(relocalizer):
    live = beside(relocalizer)
    assert np.isnan(live.health.search_s) and np.isnan(live.health.tracked_share) and not live.health.complaint
    image = view(flight(1, seed=5)[0], WALL)
    for number in range(4):
        live.estimate(Picture.of(image), relocalizer.estimate(image, stamp(number)))
        if number == 0:
            live.refine()
            live._pending.result(timeout=30)
    live.close()
    health = live.health
    assert health.search_processor_s > 0 and health.search_s > 0
    assert health.age_s == pytest.approx(0.3) and health.searched_share == 0.25 and health.tracked_share == 0.75


def test_searches_that_take_too_long_are_complained_about():
    meter = HealthMeter()
    meter.ended(0.5 * LONGEST_SEARCH_S, 0.1)
    assert not meter.health.complaint
    for _ in range(5):
        meter.ended(3 * LONGEST_SEARCH_S, 0.1)
    assert "takes 2.7 s" in meter.health.complaint


def test_a_rate_leaves_images_unrefined(relocalizer, pipeline):
    counts = RefinementCounts()
    live = BackgroundLandmarks(lambda between_steps: pipeline, relocalizer.sibling().estimate, 1e-3, counts)
    image = view(flight(1, seed=5)[0], WALL)
    for number in range(3):
        live.estimate(Picture.of(image), relocalizer.estimate(image, stamp(number)))
        live.refine()
        if live._pending is not None:
            live._pending.result(timeout=30)
    live.close()
    assert counts.total == 1


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_answers_go_before_refinements(relocalizer):
    class WatchedPipeline(LandmarkPipeline):
        def refine(self, *arguments):
            niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            return super().refine(*arguments)

    niceness = []
    live = beside(relocalizer, WatchedPipeline)
    search_one(live, relocalizer)
    live.close()
    assert niceness == [min(os.getpriority(os.PRIO_PROCESS, 0) + NICENESS, 19)]


@pytest.mark.parametrize(
    ("search_s", "scale", "is_hurried"), [(0.2, 1.0, False), (0.4, 1.0, True), (0.6, SMALL_SCALE, True)]
)
def test_what_searches_take_decides_how_images_are_searched(search_s, scale, is_hurried):
    meter = HealthMeter()
    # nobody knows yet
    assert (meter.scale, meter.is_hurried) == (SMALL_SCALE, True)
    # half of a whole one took half of it
    meter.ended(0.5 * search_s, 0.1, effort=0.5)
    assert (meter.scale, meter.is_hurried) == (scale, is_hurried)

# SPDX-License-Identifier: BSD-3-Clause
"""While landmarks are tracked the network looks at few images, and the search gets its share of the processor."""

import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers import START_NS
from painted_wall import CAMERA, STEP_NS, flight, paint, view, write_wall_bundle
from shared_work import made_once

from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.core.image_files import Picture
from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks import carried_regression, live
from camera_relocalization_ros.localization.landmarks.carried_regression import CarriedRegression
from camera_relocalization_ros.localization.landmarks.live import BackgroundLandmarks, RefinementCounts
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.localization.relocalizer import Relocalizer

POSES = [Pose.from_matrix(T) for T in flight(3, seed=5)]


def regression_of(pose, inference_s=0.05):
    return Estimate(START_NS, pose, 2, inference_s, np.zeros(3), State.OK, "", covariance=np.eye(6), score=0.4)


def test_a_regression_moves_as_the_camera_does():
    carried = CarriedRegression()
    assert carried.at(START_NS, POSES[0]) is None
    wrong = Pose.from_matrix(POSES[0].matrix @ POSES[1].matrix)
    carried.remember(regression_of(wrong), POSES[0])
    now = carried.at(START_NS + STEP_NS, POSES[1])
    # what it is off by stays
    np.testing.assert_allclose(pose_residual(now.pose, POSES[1]), pose_residual(wrong, POSES[0]), atol=1e-9)
    assert now.stamp_ns == START_NS + STEP_NS and np.isnan(now.inference_s) and now.score == 0.4


@pytest.mark.parametrize(
    ("inference_s", "step_s", "is_due", "is_carried"),
    [
        (0.02, 0.15, False, True),
        (0.02, 0.25, True, True),
        # a tenth of the time would be seldom
        (1.0, 0.45, False, True),
        (1.0, 0.55, True, True),
        (1.0, 1.05, True, False),
        # an image of before
        (0.02, 0.0, False, False),
        (0.02, -1, False, False),
    ],
)
def test_the_network_should_look_for_a_tenth_of_the_time_and_must_once_a_second(
    inference_s, step_s, is_due, is_carried
):
    carried = CarriedRegression()
    assert carried.is_due(START_NS)
    carried.remember(regression_of(POSES[0], inference_s), POSES[0])
    stamp_ns = START_NS + round(1e9 * step_s)
    assert carried.is_due(stamp_ns) == is_due
    assert (carried.at(stamp_ns, POSES[0]) is not None) == is_carried
    carried.reset()
    assert carried.at(START_NS + 1, POSES[0]) is None


def test_what_the_network_said_last_of_the_images_counts_and_not_what_it_said_last():
    carried = CarriedRegression()
    carried.remember(replace(regression_of(POSES[1]), stamp_ns=START_NS + STEP_NS), POSES[1])
    carried.remember(regression_of(POSES[0]), POSES[1])
    np.testing.assert_allclose(carried.at(START_NS + 2 * STEP_NS, POSES[2]).position, POSES[2].position)


@pytest.fixture
def relocalizer(tmp_path_factory):
    return Relocalizer.from_bundle(made_once(tmp_path_factory, "wall", write_wall_bundle) / "wall_bundle")


def answered(landmarks, relocalizer, number, image):
    """The best pose of an image as the node asks for it, and whether it waited for the network."""
    stamp_ns = START_NS + number * STEP_NS
    landmarks.pause()
    picture = Picture(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), lambda: image)
    best = landmarks.estimate_tracked(picture, stamp_ns)
    if best is not None:
        landmarks.refine()
        return best, False
    # the network takes long: it is to look no more than once in half a second
    best = landmarks.estimate(picture, replace(relocalizer.estimate(image, stamp_ns), inference_s=60.0))
    landmarks.refine()
    return best, True


def test_no_image_waits_for_the_network_while_landmarks_are_tracked(relocalizer):
    looked_at = []

    def regress(image_rgb, stamp_ns):
        looked_at.append(round((stamp_ns - START_NS) / STEP_NS))
        return replace(relocalizer.sibling().estimate(image_rgb, stamp_ns), inference_s=60.0)

    landmarks = BackgroundLandmarks(
        lambda step: LandmarkPipeline(relocalizer.bundle.landmark_map, CAMERA, step), regress, 0.0, RefinementCounts()
    )
    wall, poses, waited = paint(), flight(16, seed=5), []
    for number, T in enumerate(poses):
        assert landmarks.is_tracking == (number > 0)
        best, waits = answered(landmarks, relocalizer, number, view(T, wall))
        waited += [number] if waits else []
        if number == 0:
            landmarks._pending.result(timeout=30)
        else:
            assert best.stage is Stage.TRACKED and best.state is State.OK
            assert best.stamp_ns == START_NS + number * STEP_NS
            assert np.linalg.norm(best.position - position_quat(T)[0]) < 0.02
        if landmarks._looks._pending is not None:
            landmarks._looks._pending.result(timeout=30)
    every = round(1e9 * carried_regression.DUE_S / STEP_NS)
    assert waited == [0, 1] and looked_at == list(range(1 + every, 16, every))
    # hidden: nothing is tracked, so it must look
    best, waits = answered(landmarks, relocalizer, 16, np.zeros_like(view(poses[0], wall)))
    assert best.stage is Stage.REGRESSION and waits
    landmarks.close()


@pytest.mark.parametrize("fault", [FrameError("no pose"), None])
def test_an_image_waits_for_the_network_where_that_says_nothing_beside(relocalizer, fault, monkeypatch):
    monkeypatch.setattr(carried_regression, "LONGEST_S", 3.5e-9 * STEP_NS)
    monkeypatch.setattr(carried_regression, "DUE_S", 0.0)
    goes_on = threading.Event()

    def regress(image_rgb, stamp_ns):
        if fault is not None:
            raise fault
        goes_on.wait(30)
        return relocalizer.sibling().estimate(image_rgb, stamp_ns)

    landmarks = BackgroundLandmarks(
        lambda step: LandmarkPipeline(relocalizer.bundle.landmark_map, CAMERA, step), regress, 0.0, RefinementCounts()
    )
    wall, waited = paint(), []
    for number, T in enumerate(flight(11, seed=5)):
        best, waits = answered(landmarks, relocalizer, number, view(T, wall))
        waited += [number] if waits else []
        if number == 0:
            landmarks._pending.result(timeout=30)
        assert number == 0 or best.stage is Stage.TRACKED
    goes_on.set()
    landmarks.close()
    assert waited == [0, 1, 5, 9]


class BusyPipeline(LandmarkPipeline):
    """One whose searches take longer than images, of the processor's time."""

    def refine(self, grey, regression, prior, scale=1.0, is_hurried=False):
        until_s = time.thread_time() + 0.5
        while time.thread_time() < until_s:
            pass
        return super().refine(grey, regression, prior, scale, is_hurried)


def test_images_that_take_all_the_time_leave_a_search_its_share(relocalizer, monkeypatch):
    monkeypatch.setattr(live, "LONGEST_WAIT_S", 60.0)
    landmarks = BackgroundLandmarks(
        lambda step: BusyPipeline(relocalizer.bundle.landmark_map, CAMERA, step),
        relocalizer.sibling().estimate,
        0.0,
        RefinementCounts(),
    )
    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    landmarks.estimate(Picture.of(image), relocalizer.estimate(image, START_NS))
    landmarks.refine()
    pending, until_s = landmarks._pending, time.thread_time() + 0.1
    while time.thread_time() < until_s:
        pass
    landmarks.pause()
    landmarks.refine()
    assert pending.done() or landmarks._thread.processor_s >= live.ENOUGH_SHARE * 0.1
    pending.result(timeout=60)
    landmarks.close()

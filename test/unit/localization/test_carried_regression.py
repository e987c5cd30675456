# SPDX-License-Identifier: BSD-3-Clause
"""While landmarks are tracked the network looks at few images, and the search gets its share of the processor."""

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers import START_NS
from painted_wall import CAMERA, STEP_NS, flight, paint, view, write_wall_bundle
from shared_work import made_once

from camera_relocalization_ros.core.geometry import position_quat
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
    ("inference_s", "step_s", "is_carried"),
    [
        (0.05, 0.45, True),
        (0.05, 0.55, False),
        (1.0, 0.95, True),
        (1.0, 1.05, False),
        (0.05, 0.0, False),
        (0.05, -1, False),
    ],
)
def test_the_network_takes_a_tenth_of_the_time_but_looks_once_a_second(inference_s, step_s, is_carried):
    carried = CarriedRegression()
    carried.remember(regression_of(POSES[0], inference_s), POSES[0])
    assert (carried.at(START_NS + round(1e9 * step_s), POSES[0]) is not None) == is_carried
    carried.reset()
    assert carried.at(START_NS + 1, POSES[0]) is None


@pytest.fixture
def relocalizer(tmp_path_factory):
    return Relocalizer.from_bundle(made_once(tmp_path_factory, "wall", write_wall_bundle) / "wall_bundle")


def test_the_network_looks_at_an_image_in_four_until_landmarks_are_gone(relocalizer, monkeypatch):
    # as long as three steps, whatever this computer does
    monkeypatch.setattr(carried_regression, "LONGEST_S", 3.5e-9 * STEP_NS)
    landmarks = BackgroundLandmarks(
        lambda step: LandmarkPipeline(relocalizer.bundle.landmark_map, CAMERA, step), 0.0, RefinementCounts()
    )
    wall, poses, looked_at = paint(), flight(16, seed=5), []

    def answer(number, image):
        stamp_ns = START_NS + number * STEP_NS
        landmarks.pause()
        # without colours, as the node has it of a JPEG
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        needs_none, best = landmarks.is_tracking, landmarks.estimate_tracked(grey, stamp_ns)
        assert needs_none == (number > 0)
        if best is None:
            looked_at.append(number)
            regression = replace(relocalizer.estimate(image, stamp_ns), inference_s=60.0)
            best = landmarks.estimate(grey, regression)
        landmarks.refine()
        return best

    for number, T in enumerate(poses):
        best = answer(number, view(T, wall))
        if number == 0:
            landmarks._pending.result(timeout=30)
        else:
            assert (
                best.stage is Stage.TRACKED and best.state is State.OK and best.stamp_ns == START_NS + number * STEP_NS
            )
            assert np.linalg.norm(best.position - position_quat(T)[0]) < 0.02
    assert looked_at == [0, 1, 5, 9, 13]
    # hidden: nothing is tracked, so it must look
    assert answer(16, np.zeros_like(view(poses[0], wall))).stage is Stage.REGRESSION
    assert looked_at[-1] == 16
    landmarks.close()


class BusyPipeline(LandmarkPipeline):
    """One whose searches take longer than images, of the processor's time."""

    def refine(self, grey, regression, prior, scale=1.0):
        until_s = time.thread_time() + 0.5
        while time.thread_time() < until_s:
            pass
        return super().refine(grey, regression, prior, scale)


def test_images_that_take_all_the_time_leave_a_search_its_share(relocalizer, monkeypatch):
    monkeypatch.setattr(live, "LONGEST_WAIT_S", 60.0)
    landmarks = BackgroundLandmarks(
        lambda step: BusyPipeline(relocalizer.bundle.landmark_map, CAMERA, step), 0.0, RefinementCounts()
    )
    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    landmarks.estimate(image, relocalizer.estimate(image, START_NS))
    landmarks.refine()
    pending, until_s = landmarks._pending, time.thread_time() + 0.1
    while time.thread_time() < until_s:
        pass
    landmarks.pause()
    landmarks.refine()
    assert pending.done() or landmarks._refining_s >= live.ENOUGH_SHARE * 0.1
    pending.result(timeout=60)
    landmarks.close()

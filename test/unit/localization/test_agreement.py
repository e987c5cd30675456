# SPDX-License-Identifier: BSD-3-Clause
"""What a search finds, and what is followed since another, must be of one pose: else neither is OK."""

from dataclasses import replace

import numpy as np
import pytest
from painted_wall import CAMERA, error_m, flight, paint, stamp, view

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.landmarks.agreement import Prior, apart
from camera_relocalization_ros.localization.landmarks.gate import GateDecision, RejectionReason
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.localization.refinement import nothing_found

WALL = paint()


def test_a_search_and_followed_landmarks_that_contradict_each_other_are_both_in_doubt(relocalizer, pipeline):
    here, there = flight(8, seed=5)[[0, 7]]
    # a camera that hovers
    image, other = view(here, WALL), view(there, WALL)
    regressions = [relocalizer.estimate(image, stamp(number)) for number in range(4)]
    # landmarks are followed from where another picture shows them
    elsewhere = pipeline.refine(pipeline.grey(other), regressions[0], Prior(regressions[0]))
    pipeline.start_tracking(replace(elsewhere, grey=pipeline.grey(image)))
    contested, anew, confirmed = (pipeline.estimate(image, regression) for regression in regressions[1:])
    assert error_m(contested.refinement, here) < 0.02 and not contested.decision.is_accepted
    assert contested.fused.state is State.DEGRADED and error_m(contested.fused, here) > 0.1
    assert "landmarks that were searched and followed ones are 0." in contested.fused.reason
    # a second one in a row goes before what was followed
    for staged in (anew, confirmed):
        assert staged.fused.state is State.OK and error_m(staged.fused, here) < 0.02
    assert not anew.fused.is_confirmed and confirmed.fused.is_confirmed


def test_what_is_followed_is_not_ok_while_a_search_contests_it(relocalizer, pipeline):
    images = [view(T, WALL) for T in flight(4, seed=5)]
    regressions = [relocalizer.estimate(image, stamp(number)) for number, image in enumerate(images)]
    found = pipeline.refine(pipeline.grey(images[0]), regressions[0], Prior(regressions[0]))
    pipeline.start_tracking(replace(found, is_confirmed=True))
    followed = pipeline.track(pipeline.grey(images[1]), regressions[1])
    assert followed.stage is Stage.TRACKED and followed.state is State.OK and followed.is_confirmed
    pipeline.take(replace(found, decision=GateDecision(RejectionReason.DISAGREES, "they differ", contests=True)))
    doubted = pipeline.track(pipeline.grey(images[2]), regressions[2])
    assert doubted.stage is Stage.TRACKED and (doubted.state, doubted.reason) == (State.DEGRADED, "they differ")
    # near what is in doubt nothing is proved, however little time there is
    again = pipeline.refine(pipeline.grey(images[2]), regressions[2], pipeline.prior(doubted), is_hurried=True)
    assert again.is_confirmed and not again.refinement.is_guided
    pipeline.take(again)
    trusted = pipeline.track(pipeline.grey(images[3]), regressions[3])
    assert trusted.state is State.OK and trusted.is_confirmed


@pytest.mark.parametrize("tells_confirmed", [True, False])
def test_in_a_hurry_images_are_searched_for_what_confirms_a_pose_where_more_is_promised_then(
    relocalizer, tells_confirmed
):
    pipeline = LandmarkPipeline(relocalizer.bundle.landmark_map, CAMERA, tells_confirmed=tells_confirmed)
    image = view(flight(1, seed=5)[0], WALL)
    grey, regression = pipeline.grey(image), relocalizer.estimate(image, stamp(0))
    found = pipeline.refine(grey, regression, Prior(regression))
    pipeline.start_tracking(found)
    prior = Prior(found.fused, found.refinement)
    hurried = [pipeline.refine(grey, regression, prior, is_hurried=True).refinement.is_guided for _ in range(6)]
    assert hurried == ([True, True, False] * 2 if tells_confirmed else [True] * 6)
    vague = replace(found.refinement, covariance=found.refinement.covariance + 0.06**2 * np.eye(6))
    near_vague = [pipeline.refine(grey, regression, Prior(found.fused, vague), is_hurried=True) for _ in range(4)]
    assert all(refined.refinement.is_guided and not refined.is_confirmed for refined in near_vague)
    at_leisure = pipeline.refine(grey, regression, prior)
    assert at_leisure.is_confirmed and not at_leisure.refinement.is_guided


def test_a_guided_search_confirms_near_a_certain_pose_that_it_agrees_with(relocalizer, pipeline):
    image = view(flight(1, seed=5)[0], WALL)
    grey, regression = pipeline.grey(image), relocalizer.estimate(image, stamp(0))
    found = pipeline.refine(grey, regression, Prior(regression))
    pipeline.start_tracking(replace(found, is_confirmed=True))
    certain = found.refinement
    vague = replace(certain, covariance=certain.covariance + 0.06**2 * np.eye(6))
    elsewhere = replace(certain, pose=Pose(certain.position + [0.01, 0, 0], certain.quat_xyzw))
    for followed, confirms in ((certain, True), (vague, False), (elsewhere, False)):
        prior = Prior(found.fused, followed)
        hurried = pipeline.refine(grey, regression, prior, is_hurried=True)
        assert hurried.refinement.is_guided and hurried.decision.is_accepted and hurried.is_confirmed is confirms
        # with time the whole image tells, near a certain pose
        at_leisure = pipeline.refine(grey, regression, prior)
        assert at_leisure.refinement.is_guided is confirms and at_leisure.decision.is_accepted is (
            followed is not elsewhere
        )
        assert at_leisure.is_confirmed is confirms


def test_a_guided_search_that_agrees_less_closely_will_do_where_the_whole_image_tells_nothing(
    relocalizer, pipeline, monkeypatch
):
    image = view(flight(1, seed=5)[0], WALL)
    grey, regression = pipeline.grey(image), relocalizer.estimate(image, stamp(0))
    found = pipeline.refine(grey, regression, Prior(regression))
    pipeline.start_tracking(replace(found, is_confirmed=True))
    guided = pipeline.refiner.refine_guided(grey, found.refinement.pose)

    def moved(by_m):
        here = found.refinement
        return replace(here, pose=Pose(here.position + [by_m, 0, 0], here.quat_xyzw))

    # 1.25 deviations from what the guided search finds, and 1.6
    near, far = (next(moved(m) for m in np.linspace(0, 0.05, 2001) if apart(guided, moved(m)) > n) for n in (1.25, 1.6))
    assert not pipeline.refine(grey, regression, Prior(found.fused, near)).refinement.is_guided
    monkeypatch.setattr(pipeline.refiner, "refine_grey", lambda *arguments: nothing_found(3))
    made_do = pipeline.refine(grey, regression, Prior(found.fused, near))
    assert made_do.refinement.is_guided and made_do.decision.is_accepted and not made_do.is_confirmed
    refused = pipeline.refine(grey, regression, Prior(found.fused, far))
    assert not refused.decision.is_accepted and not refused.refinement.found

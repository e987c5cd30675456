# SPDX-License-Identifier: BSD-3-Clause
"""Landmarks that are too few for a pose join those that are tracked, where one pose has most of both."""

from dataclasses import replace

import numpy as np
import pytest
from painted_wall import error_m, flight, paint, stamp, view

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.localization.landmarks.agreement import Prior
from camera_relocalization_ros.localization.landmarks.gate import GateSettings, RejectionReason
from camera_relocalization_ros.localization.landmarks.pipeline import GUIDED_EFFORT, whole_image_effort
from camera_relocalization_ros.localization.landmarks.tracker import LandmarkTracker

WALL = paint()
FEW = 15


def part(refinement, rows, moved_px=0.0):
    """Some landmarks of a refinement, maybe where they are not."""
    return replace(refinement, landmarks=refinement.landmarks[rows], pixels=refinement.pixels[rows] + moved_px)


@pytest.fixture
def first_two(relocalizer, pipeline):
    """The first images of a flight in grey, and what is found in the first."""
    greys = [pipeline.grey(view(T, WALL)) for T in flight(2, seed=5)]
    found = pipeline.refiner.refine_grey(greys[0], relocalizer.estimate(view(flight(1, seed=5)[0], WALL), 0).pose)
    assert len(found.landmarks) > 60
    return greys, found


def tracked_after(pipeline, first_two, addition):
    """How many landmarks give the second image's pose where 30 of the first are tracked, and an addition to them."""
    greys, found = first_two
    tracker = LandmarkTracker(pipeline.refiner)
    tracker.start(greys[0], stamp(0), part(found, slice(0, 60, 2)))
    tracker.add(greys[0], stamp(0), addition)
    return len(tracker.track(greys[1], stamp(1)).landmarks)


def test_an_addition_joins_what_is_tracked_where_one_pose_has_both(pipeline, first_two):
    alone = tracked_after(pipeline, first_two, part(first_two[1], slice(0, 60, 2)))
    assert 20 < alone <= 30
    # the other landmarks of the image
    assert tracked_after(pipeline, first_two, part(first_two[1], slice(1, 2 * FEW, 2))) > alone + FEW / 2
    # in another place than where the tracked ones have it
    assert tracked_after(pipeline, first_two, part(first_two[1], slice(1, 2 * FEW, 2), 30.0)) == alone


def test_an_addition_to_nothing_is_not_tracked(pipeline, first_two):
    greys, found = first_two
    tracker = LandmarkTracker(pipeline.refiner)
    tracker.add(greys[0], stamp(0), part(found, slice(FEW)))
    assert not tracker.is_tracking and tracker.track(greys[1], stamp(1)) is None


def test_what_was_tracked_before_joins_a_find_of_few(pipeline, first_two):
    greys, found = first_two
    tracker = LandmarkTracker(pipeline.refiner)
    tracker.start(greys[0], stamp(0), found)
    tracker.start(greys[0], stamp(0), part(found, slice(FEW)))
    assert len(tracker.track(greys[1], stamp(1)).landmarks) > 2 * FEW


@pytest.fixture
def little(relocalizer, pipeline):
    """T of an image, its grey pictures, whole and with fewer landmarks than a search must find, and its prior."""
    T = flight(1, seed=5)[0]
    image = view(T, WALL)
    regression = relocalizer.estimate(image, stamp(0))
    grey = pipeline.grey(image)
    found = pipeline.refine(grey, regression, Prior(regression))
    # two searches agree on what is followed
    pipeline.start_tracking(replace(found, is_confirmed=True))
    prior = Prior(regression, replace(found.refinement, pose=Pose.from_matrix(T)))
    whole = pipeline.refine(grey, regression, prior).refinement
    assert whole.is_guided
    hidden, (x, y) = np.full_like(grey, 110), np.median(whole.pixels, axis=0).astype(int)
    reach = np.sort(np.abs(whole.pixels - [x, y]).max(axis=1))[GateSettings().least_found]
    rows, columns = (slice(max(int(middle - reach), 0), int(middle + reach)) for middle in (y, x))
    hidden[rows, columns] = grey[rows, columns]
    return T, (grey, hidden), (regression, prior)


def test_what_a_guided_search_finds_too_little_of_is_an_addition(pipeline, little):
    T, (grey, hidden), prior = little
    hurried, patient = (pipeline.refine(hidden, *prior, is_hurried=hurry) for hurry in (True, False))
    for refined in (hurried, patient):
        assert refined.decision.reason is RejectionReason.FEW and refined.is_addition
        assert refined.refinement.is_guided and error_m(refined.refinement, T) < 0.1
    # where there is time the whole image is searched too, here in vain
    assert hurried.effort == GUIDED_EFFORT and patient.effort == GUIDED_EFFORT + whole_image_effort(1.0)
    # beside nothing it is nothing
    pipeline.reset()
    pipeline.take(patient)
    assert pipeline.track(grey, replace(prior[0], stamp_ns=stamp(1))).stage is Stage.REGRESSION


def test_what_a_search_of_all_finds_goes_before_an_addition(pipeline, little, monkeypatch):
    # as on a dense map of a plain thing, whose guided finds chance alone would explain
    _, (grey, _), (regression, prior) = little
    guided = pipeline.refiner.refine_guided(grey, prior.followed.pose)
    monkeypatch.setattr(pipeline.refiner, "refine_guided", lambda *_: replace(guided, evidence=0.0, support=0.0))
    hurried, patient = (pipeline.refine(grey, regression, prior, is_hurried=hurry) for hurry in (True, False))
    assert hurried.is_addition and not hurried.decision.is_accepted
    assert patient.decision.is_accepted and not patient.refinement.is_guided


def test_few_stand_by_themselves_by_what_they_look_like_where_what_is_tracked_has_no_pose(
    pipeline, little, monkeypatch
):
    _, (grey, _), (regression, prior) = little
    found = pipeline.refiner.refine_guided(grey, prior.followed.pose)
    guided = replace(found, evidence=0.0, support=0.0, by_looks=found)
    monkeypatch.setattr(pipeline.refiner, "refine_guided", lambda *_: guided)
    alone = pipeline.refine(grey, regression, prior, is_hurried=True)
    assert alone.decision.is_accepted and alone.refinement.is_guided and alone.effort == GUIDED_EFFORT
    # beside a pose that is published already they are one more search that agrees with it
    beside = replace(prior, best=replace(regression, stage=Stage.TRACKED))
    agreed = pipeline.refine(grey, regression, beside, is_hurried=True)
    assert agreed.decision.is_accepted and agreed.is_confirmed and not agreed.is_addition
    assert agreed.refinement.best.is_surer_than(found.best)
    # or join it, where they do not quite agree, or no two searches have before
    sure = replace(beside.followed, covariance=1e-8 * np.eye(6), mean=None)
    off = replace(sure, pose=Pose(sure.pose.position + [1.0, 0.0, 0.0], sure.pose.quat_xyzw))
    assert pipeline.refine(grey, regression, replace(beside, followed=off), is_hurried=True).is_addition
    pipeline.reset()
    assert pipeline.refine(grey, regression, beside, is_hurried=True).is_addition
    # what speaks against the camera is not believed of so few, nor are they then
    other_camera = np.array([0.3, 0.0, 0.0, 0.0, 0.0]), np.full(5, 1e-3)
    monkeypatch.setattr(pipeline.refiner, "camera_changes", lambda *_: other_camera)
    assert pipeline.refine(grey, regression, prior, is_hurried=True).is_addition
    monkeypatch.undo()
    assert pipeline.refine(grey, regression, prior).decision.is_accepted

# SPDX-License-Identifier: BSD-3-Clause
"""The mean of searches in a row: nearer to the truth than each of them, and carried on by what is followed."""

from dataclasses import replace

import numpy as np
import pytest
from painted_wall import flight, paint, stamp, view
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.stage_calibration import FEW_LANDMARKS
from camera_relocalization_ros.core.chi_square import chi_square_quantile, squared_distance
from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.localization.landmarks.agreement import Prior
from camera_relocalization_ros.localization.landmarks.tracker import ALONE, SLIDES_PER_S, LandmarkTracker
from camera_relocalization_ros.localization.mean_pose import ALIKE, MeanPose

WALL = paint()
STEP_S = 0.2


def off(pose, error):
    """A pose that is off by an error (6,), as `pose_residual` has it."""
    return Pose(pose.position + error[:3], (Rotation.from_rotvec(error[3:]) * pose.rotation).as_quat())


@pytest.fixture
def covariance():
    """(6, 6) of a search: some centimetres and degrees, correlated."""
    root = np.random.default_rng(3).normal(size=(6, 6))
    sizes = np.repeat([0.01, 0.004], 3)
    return np.outer(sizes, sizes) * (root @ root.T / 6 + np.eye(6))


def test_the_mean_of_searches_is_nearer_than_one_and_its_ellipsoid_holds_what_it_says(covariance):
    generator, truth, errors, means = np.random.default_rng(0), Pose([1.0, 2, 3], [0, 0, 0, 1.0]), [], []
    for _ in range(1000):
        alike = generator.multivariate_normal(np.zeros(6), ALIKE * covariance)

        def found(alike=alike):
            return off(truth, alike + generator.multivariate_normal(np.zeros(6), (1 - ALIKE) * covariance))

        mean = MeanPose.of(found(), covariance)
        for _ in range(8):
            mean = mean.moved(mean.pose, np.zeros((6, 6)), STEP_S).with_search(found(), covariance)
        errors.append(pose_residual(mean.pose, truth))
        means.append(mean)
    errors, covariances = np.array(errors), np.array([mean.covariance for mean in means])
    assert np.sqrt(np.mean(squared_distance(errors, np.tile(covariance, (1000, 1, 1))) / 6)) < 0.82
    inside = np.mean(squared_distance(errors, covariances) <= chi_square_quantile(0.9, 6))
    assert 0.87 < inside < 0.95
    assert np.linalg.eigvalsh(covariance - covariances[0]).min() > 0


def test_an_exact_search_outweighs_vague_ones_before_it(covariance):
    truth = Pose([0.0, 0, 0], [0, 0, 0, 1.0])
    vague = MeanPose.of(off(truth, np.full(6, 0.03)), 100 * covariance)
    both = vague.with_search(truth, covariance)
    assert np.linalg.norm(pose_residual(both.pose, truth)) < 0.1 * np.linalg.norm(np.full(6, 0.03))


def test_searches_that_differ_by_more_than_they_say_are_less_certain_together(covariance):
    truth = Pose([0.0, 0, 0], [0, 0, 0, 1.0])
    mean, one_off = MeanPose.of(truth, covariance), np.sqrt(np.diag(covariance))
    near, far = (mean.with_search(off(truth, times * one_off), covariance) for times in (0.1, 3.0))
    np.testing.assert_allclose(near.own, mean.own / 2, rtol=1e-6)
    # alike by half, so the difference has the variance of one search
    difference = 3.0 * one_off
    more = difference @ np.linalg.solve(covariance, difference) / 6
    np.testing.assert_allclose(far.own, more * near.own, rtol=1e-6)
    np.testing.assert_allclose(far.pose.position, difference[:3] / 2, rtol=1e-6)


def test_a_mean_is_moved_with_what_it_errs_by_and_what_the_way_there_does(covariance):
    truth, later = Pose([0.0, 0, 0], [0, 0, 0, 1.0]), Pose([1.0, 0, 0], [0, 0, 0.1, 0.995])
    error = np.array([0.01, 0, 0, 0, 0.02, 0.0])
    way = Pose.from_matrix(np.linalg.inv(truth.matrix) @ later.matrix)
    before = off(truth, error)
    after = Pose.from_matrix(before.matrix @ way.matrix)
    # a turn of 0.02 about y takes what is a metre along x 2 cm down
    np.testing.assert_allclose(pose_residual(after, later)[:3], [0.01, 0, -0.02], atol=3e-4)
    mean = MeanPose(before, np.outer(error, error), np.zeros((6, 6)))
    moved = mean.moved(after, 1e-6 * np.eye(6), STEP_S)
    expected = pose_residual(after, later)
    np.testing.assert_allclose(moved.alike, np.outer(expected, expected), atol=2e-5)
    np.testing.assert_allclose(moved.covariance, moved.alike + 1e-6 * np.eye(6))
    # of the whole way, not of each step
    again = moved.moved(after, 3e-6 * np.eye(6), STEP_S)
    np.testing.assert_allclose(again.slip, 3e-6 * np.eye(6))
    assert np.allclose(again.with_search(after, covariance).slip, 0)


def test_what_is_forgotten_of_a_mean_counts_less_the_longer_ago(covariance):
    mean = MeanPose.of(Pose([0.0, 0, 0], [0, 0, 0, 1.0]), covariance)
    soon, late = (mean.moved(mean.pose, np.zeros((6, 6)), passed_s) for passed_s in (0.1, 1.0))
    np.testing.assert_allclose(late.own, 2 * mean.own)
    assert np.trace(soon.own) < np.trace(late.own) and np.allclose(late.alike, mean.alike)


@pytest.fixture
def displaced(relocalizer, pipeline):
    """Poses, grey images, what is found in the first, with ten times its deviations and a mean three of these off, and
    how far that is off along x.
    """
    T = flight(4, seed=5)
    greys = [pipeline.grey(view(each, WALL)) for each in T]
    found = pipeline.refiner.refine_grey(greys[0], relocalizer.estimate(view(T[0], WALL), 0).pose)
    found = replace(found, covariance=100 * found.covariance)
    error = 3 * found.covariance[:, 0] / np.sqrt(found.covariance[0, 0])
    mean = MeanPose.of(off(found.pose, error), found.covariance)
    return [Pose.from_matrix(each) for each in T], greys, replace(found, mean=mean), error[0]


def test_followed_landmarks_carry_the_mean_and_not_their_own_pose(pipeline, displaced):
    T, greys, found, shift_m = displaced
    tracker = LandmarkTracker(pipeline.refiner)
    # so few that what is followed does not go before the mean
    tracker.start(greys[0], stamp(0), part(found, slice(30)))
    variances = [np.trace(found.best.covariance)]
    for number in (1, 2, 3):
        followed = tracker.track(greys[number], stamp(number))
        own, carried = (pose_residual(each, T[number])[0] for each in (followed.pose, followed.best.pose))
        assert abs(own) < shift_m / 2 < carried
        variances.append(np.trace(followed.best.covariance))
    assert np.all(np.diff(variances) > 0)


def test_a_mean_that_followed_landmarks_contradict_is_not_carried_on(pipeline, displaced):
    T, greys, found, shift_m = displaced
    far = MeanPose.of(off(found.pose, np.array([20 * shift_m, 0, 0, 0, 0, 0])), found.covariance)
    tracker = LandmarkTracker(pipeline.refiner)
    tracker.start(greys[0], stamp(0), part(replace(found, mean=far), slice(30)))
    followed = tracker.track(greys[1], stamp(1))
    assert abs(pose_residual(followed.best.pose, T[1])[0]) < shift_m
    assert np.allclose(followed.best.covariance, ALONE * followed.covariance)


def test_the_way_from_the_search_on_grows_less_certain_by_the_second(pipeline, displaced):
    T, greys, found, _ = displaced
    slips = []
    for step_s in (0.05, 0.2):
        tracker = LandmarkTracker(pipeline.refiner)
        tracker.start(greys[0], 0, part(found, slice(30)))
        followed = [tracker.track(greys[number], round(number * step_s * 1e9)) for number in (1, 2, 3)][-1]
        slips.append(np.trace(followed.best.slip))
    # drift grows with the root of time, and by as much again as SLIDES_PER_S says; most of it, not all, is drift
    least, most = ((1 + SLIDES_PER_S * 0.6) / (1 + SLIDES_PER_S * 0.15) * root for root in (1.0, 2.0))
    assert least < slips[1] / slips[0] < most


def test_what_many_followed_landmarks_say_goes_before_a_mean_that_is_far_less_sure(pipeline, displaced):
    T, greys, found, shift_m = displaced
    for rows, is_alone in ((slice(None), True), (slice(30), False)):
        vague = replace(found, mean=replace(found.mean, own=1e3 * found.covariance))
        tracker = LandmarkTracker(pipeline.refiner)
        tracker.start(greys[0], stamp(0), part(vague, rows))
        followed = tracker.track(greys[1], stamp(1))
        assert (pose_residual(followed.best.pose, T[1])[0] < shift_m / 2) == is_alone
        assert np.allclose(followed.best.covariance, ALONE * followed.covariance) == is_alone


def part(found, rows):
    """Some of the landmarks."""
    return replace(found, landmarks=found.landmarks[rows], pixels=found.pixels[rows])


def test_an_addition_counts_by_its_covariance(pipeline, displaced):
    T, greys, found, shift_m = displaced
    errors = []
    for times in (1.0, 1e4):
        tracker = LandmarkTracker(pipeline.refiner)
        # so few that what is followed says nothing by itself
        tracker.start(greys[0], stamp(0), part(found, slice(0, 48, 2)))
        addition = replace(found, covariance=times * found.covariance, mean=None)
        tracker.add(greys[0], stamp(0), part(addition, slice(1, 24, 2)))
        followed = tracker.track(greys[1], stamp(1))
        assert 24 < len(followed.landmarks) < FEW_LANDMARKS
        errors.append(pose_residual(followed.best.pose, T[1])[0])
    # off by the first search, and exact by the addition
    assert errors == pytest.approx([shift_m / 2, shift_m], abs=shift_m / 5)


def test_a_search_counts_beside_those_before_it_where_they_agree(pipeline, relocalizer, displaced):
    T, greys, found, _ = displaced
    regression = relocalizer.estimate(view(T[0].matrix, WALL), stamp(0))
    found = replace(found, covariance=found.covariance / 100, mean=None)
    near = off(found.pose, np.sqrt(np.diag(found.covariance)) * 0.5)
    far = off(found.pose, np.array([0.2, 0, 0, 0, 0, 0]))
    agreeing, contradicting = (
        pipeline.refine(greys[0], regression, Prior(regression, replace(found, pose=pose))) for pose in (near, far)
    )
    assert agreeing.is_confirmed and agreeing.refinement.mean is not None
    published = agreeing.fused
    assert np.trace(published.covariance) < 0.9 * np.trace(agreeing.refinement.covariance)
    between = (
        pose_residual(near, agreeing.refinement.pose)[:3] @ pose_residual(published.pose, agreeing.refinement.pose)[:3]
    )
    assert between > 0
    assert contradicting.decision.contests and contradicting.refinement.mean is None


def test_images_of_a_flight_are_nearer_by_all_searches_than_by_each_alone(relocalizer, pipeline):
    alone, all_of_them = [], []
    for seed in (5, 6):
        pipeline.reset()
        for number, T in enumerate(flight(12, seed=seed)):
            image, truth = view(T, WALL), Pose.from_matrix(T)
            staged = pipeline.estimate(image, relocalizer.estimate(image, stamp(number)))
            assert staged.refinement.found
            if number > 2:
                alone.append(pose_residual(staged.refinement.pose, truth)[:3])
                all_of_them.append(pose_residual(staged.fused.pose, truth)[:3])
    assert np.sqrt(np.mean(np.square(all_of_them))) < 0.9 * np.sqrt(np.mean(np.square(alone)))

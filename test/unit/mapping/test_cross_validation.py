# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest
import synthetic_scene
from helpers import write_fake_dataset

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.mapping.builder import MapSettings, Survey, landmarks_of, match_all
from camera_relocalization_ros.mapping.confirmation import confirmed
from camera_relocalization_ros.mapping.cross_validation import (
    BLOCK,
    FOLDS,
    LEAST_BLOCK,
    SAMPLED_EVERY,
    folds,
    landmarks_without,
    sampled,
)
from camera_relocalization_ros.mapping.landmark_points import Landmarks
from camera_relocalization_ros.mapping.map_report import map_report
from camera_relocalization_ros.mapping.triangulation import Observations
from camera_relocalization_ros.pipelines import build_map


@pytest.mark.parametrize("placement", [np.ones(700), np.ones(45), np.ones(1), np.repeat([4, 1, 9], [30, 50, 20])])
def test_every_image_is_left_out_once(placement):
    parts = np.array(folds(placement))
    np.testing.assert_array_equal(parts.sum(axis=0), 1)
    assert parts.any(axis=1).all()
    every = SAMPLED_EVERY if len(placement) > 300 else 1
    assert all(len(sampled(part)) == -(-part.sum() // every) for part in parts)


def test_few_images_are_left_out_a_few_at_a_time_and_all_are_tried():
    parts = folds(np.ones(45))
    assert LEAST_BLOCK < max(part.sum() for part in parts) < BLOCK / 2
    assert sum(len(sampled(part)) for part in parts) == 45


def test_of_a_scene_blocks_are_left_out_and_of_an_object_placements():
    scene = folds(np.ones(2 * FOLDS * BLOCK))
    assert len(scene) == FOLDS
    np.testing.assert_array_equal(np.flatnonzero(np.diff(scene[1].astype(int))) + 1, [20, 40, 180, 200])
    placement = np.array([2, 2, 1, 5, 2])
    assert [part.tolist() for part in folds(placement)] == [(placement == number).tolist() for number in (1, 2, 5)]


def scene(placement, share):
    """Survey of one image for each number of a placement, which show `share` of the scene's points, ever others."""
    generator = np.random.default_rng(0)
    points = generator.uniform(-0.5, 0.5, (300, 3))
    codes = synthetic_scene.descriptors(generator, len(points))
    poses = synthetic_scene.circle(generator, len(placement), radius_m=1.8)
    shown = [generator.random(len(points)) < share for _ in poses]
    features = [synthetic_scene.seen(generator, T, points[some], codes[some]) for T, some in zip(poses, shown)]
    return Survey(features, poses, np.array(placement))


def test_images_left_out_have_no_part_in_the_landmarks():
    view, settings = scene([1] * 16, 0.25), MapSettings(correct_camera=False)
    matches, _ = match_all(view, settings)
    landmarks = landmarks_of(view, matches, settings.tolerance_px)
    left_out = np.arange(16) < 4
    remaining = landmarks_without(landmarks, matches, view, left_out, settings.tolerance_px)
    assert not left_out[remaining.seen.image].any()
    assert 0.5 * len(landmarks) < len(remaining) < len(landmarks)
    # what is wrong with the images left out changes nothing
    broken = Survey(view.features, view.T_parent_child.copy(), view.placement)
    broken.T_parent_child[left_out, :3, 3] += 0.5
    np.testing.assert_array_equal(
        landmarks_without(landmarks, matches, broken, left_out, settings.tolerance_px).points, remaining.points
    )


def test_photographs_left_out_hold_no_track_together():
    view, settings = replace(scene([1] * 16, 0.25), is_photographs=True), MapSettings(correct_camera=False)
    matches, _ = match_all(view, settings)
    landmarks = landmarks_of(view, matches, settings.tolerance_px)
    left_out = np.arange(16) % 4 == 1
    remaining = landmarks_without(landmarks, matches, view, left_out, settings.tolerance_px)
    never_taken = matches.without(left_out[view.image])
    assert set(remaining.feature) <= set(never_taken.features.ravel())
    as_recording = landmarks_without(landmarks, matches, replace(view, is_photographs=False), left_out, 3.0)
    assert 20 < len(remaining.seen) < len(as_recording.seen)


def test_a_landmark_stays_where_enough_placements_are_left():
    view, settings = scene([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4], 0.4), MapSettings(correct_camera=False)
    matches, _ = match_all(view, settings)
    landmarks = landmarks_of(view, matches, settings.tolerance_px)
    remaining = landmarks_without(landmarks, matches, view, view.placement == 4, settings.tolerance_px)
    at = np.unique(np.stack([landmarks.seen.landmark, view.placement[landmarks.seen.image]], axis=1), axis=0)
    left = np.bincount(at[at[:, 1] != 4, 0], minlength=len(landmarks))
    # most of them were seen at three; some have lost one of these
    confirmed_now = confirmed(remaining, view.placement, 3).sum()
    assert 0.8 * np.sum(left >= 3) < confirmed_now <= np.sum(left >= 3) < len(landmarks)
    assert not np.isin(view.placement[remaining.seen.image], 4).any()


def test_a_map_says_which_kind_of_generalisation_its_error_is_about():
    errors = np.tile([0.25, np.radians(1.5)], (3, 1))
    one, three = "on another day, in other light, expect larger errors", "each of 3 placements in turn"
    seen = Observations(np.array([0, 1]), np.array([0, 0]), np.zeros((2, 2)))
    landmarks = Landmarks(np.zeros((1, 3)), seen, np.array([0, 1]), np.zeros(2))
    for placement, kind in ([1] * 6, one), ([1, 1, 2, 2, 3, 3], three):
        report = map_report(landmarks, replace(scene(placement, 0.1), is_metric=False, metre=7.0), errors, 5)
        assert "0.250 units, 1.50 deg (3 of 5 images, map made without them)" in report
        assert "left out: " in report and kind in report.splitlines()[-1]


def test_landmarks_that_no_pose_can_hang_on_are_refused_and_few_are_told(tmp_path, caplog):
    dataset = write_fake_dataset(tmp_path / "set", counts=(3,))
    with pytest.raises(DatasetError, match="set: 19 landmarks of 3 images; expected at least 20"):
        build_map._check_count(19, dataset)
    build_map._check_count(102, dataset)
    assert "102 landmarks of 3 images are few" in caplog.text
    caplog.clear()
    build_map._check_count(5000, dataset)
    assert not caplog.text

# SPDX-License-Identifier: BSD-3-Clause
"""Landmarks on thin things are followed before a background that moves otherwise, by how the lens moved before."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from painted_wall import flight, paint, stamp, view

from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.localization.landmarks.tracker import LandmarkTracker
from camera_relocalization_ros.vision.pnp import project

WALL, COUNT = paint(), 6
RADIUS_PX, SLIDES_PX = 12, 6


@pytest.fixture
def shown(pipeline):
    """Grey images of a flight, the same with nothing but 60 landmarks and what is around each of the wall, the true
    poses, and what a search of the first image finds of these landmarks.
    """
    refiner, poses = pipeline.refiner, [Pose.from_matrix(T) for T in flight(COUNT, seed=5)]
    greys = [pipeline.grey(view(T.matrix, WALL)) for T in poses]
    found = refiner.refine_grey(greys[0], poses[0])
    rows = np.linspace(0, len(found.landmarks) - 1, 60).astype(int)
    found = replace(found, landmarks=found.landmarks[rows], pixels=found.pixels[rows])
    behind = cv2.GaussianBlur(np.random.default_rng(0).normal(size=greys[0].shape), None, 3.0)
    behind = np.clip(128 + 50 * behind / behind.std(), 0, 255).astype(np.uint8)
    cut = []
    for number, (grey, T) in enumerate(zip(greys, poses)):
        near = np.zeros_like(grey)
        for pixel in refiner.extractor.pixels(project(refiner.points[found.landmarks], refiner.lens_pose(T))[0]):
            cv2.circle(near, np.rint(pixel).astype(int).tolist(), RADIUS_PX, 1, -1)
        cut.append(np.where(near, grey, np.roll(behind, SLIDES_PX * number, axis=1)))
    return greys, cut, poses, found


def errors_m(followed, poses):
    return [np.linalg.norm(pose_residual(f.pose, T)[:3]) for f, T in zip(followed, poses)]


def test_thin_things_are_followed_before_a_background_that_moves_otherwise(pipeline, shown):
    _, cut, poses, found = shown
    tracker = LandmarkTracker(pipeline.refiner)
    tracker.start(cut[0], stamp(0), found)
    followed = [tracker.track(image, stamp(number)) for number, image in enumerate(cut[1:], 1)]
    assert all(f.found and f.share > 0.8 for f in followed)
    assert max(errors_m(followed, poses[1:])) < 0.01


def test_what_a_search_finds_is_followed_by_how_the_lens_moved_to_its_image(pipeline, shown):
    greys, cut, poses, found = shown
    again, followed = pipeline.refiner.refine_grey(greys[1], poses[1]), {}
    for is_motion_known in (False, True):
        tracker = LandmarkTracker(pipeline.refiner)
        if is_motion_known:
            tracker.start(greys[0], stamp(0), found)
            tracker.track(greys[1], stamp(1))
        tracker.start(greys[1], stamp(1), again)
        followed[is_motion_known] = tracker.track(cut[2], stamp(2))
    unknown_m, known_m = errors_m(followed.values(), [poses[2]] * 2)
    assert known_m < 0.01 < unknown_m
    assert len(followed[True].landmarks) > 1.5 * len(followed[False].landmarks)

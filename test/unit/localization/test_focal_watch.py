# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of another focal length than camera_info has, such as cropped ones, are told by landmarks."""

import cv2
import numpy as np
from painted_wall import CAMERA, flight, paint, stamp, view

from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.landmarks.focal_watch import FocalWatch
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer

WALL = paint()


def cropped(picture, share):
    """The middle of a picture in its full size, as stabilisation or a digital zoom has it."""
    height, width = picture.shape[:2]
    y, x = (round(size * (1 - share) / 2) for size in (height, width))
    return cv2.resize(picture[y : height - y, x : width - x], (width, height))


def test_no_pose_of_a_cropped_picture_is_ok_and_nothing_is_followed_into_it(relocalizer):
    staged = StagedRelocalizer(relocalizer, CAMERA)
    for number, T in enumerate(flight(4, seed=5)):
        answer = staged.estimate(cropped(view(T, WALL), 0.8 if number < 2 else 1.0), stamp(number))
        if number < 2:
            assert answer.state is State.DEGRADED and answer.stage is Stage.REGRESSION
            assert "times that of camera_info: is the picture cropped" in answer.reason
        else:
            assert answer.state is State.OK


def test_one_search_says_so_and_only_one_that_agrees_takes_it_back():
    watch = FocalWatch(4.0)
    assert not watch.complaint(0.06, 0.01) and not watch.complaint(-0.06, 0.01) and not watch.complaint(0.5, np.inf)
    assert "1.08 times" in watch.complaint(0.08, 0.01)
    assert "1.05 times" in watch.complaint(0.045, 0.01)
    watch.reset()
    assert not watch.complaint(0.045, 0.01)
    # a map whose left-out images differed by more tolerates more
    assert not FocalWatch(8.0).complaint(0.08, 0.01) and FocalWatch(8.0).complaint(0.11, 0.01)
    assert watch.complaint(0.08, 0.01)
    # of no view that tells
    assert not watch.complaint(0.0, 0.3) and not watch.complaint(0.06, 0.01)
    assert "0.92 times" in watch.complaint(-0.08, 0.01)

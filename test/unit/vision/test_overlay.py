# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.vision.overlay import AXES, EDGE_COLOUR, draw_pose
from camera_relocalization_ros.vision.silhouette import ObjectMesh

CAMERA = CameraIntrinsics(640, 360, 400.0, 400.0, 319.5, 179.5)
GROUND = np.full((360, 640, 3), 90, np.uint8)
BOX_EDGES = ObjectMesh.of_box(np.array([[-1.0, -0.5, -0.25], [1.0, 0.5, 0.25]])).edges()


def looking_at_origin(distance_m=4.0):
    """T_parent_camera of a camera behind the origin on the z axis, its axes along the parent's."""
    T_parent_camera = np.eye(4)
    T_parent_camera[2, 3] = -distance_m
    return T_parent_camera


def pixels_of(image, colour):
    rows, columns = np.nonzero(np.all(image == colour, axis=2))
    return np.stack([columns, rows], axis=1)


def test_axes_and_box_lie_where_the_camera_projects_them():
    drawn = draw_pose(GROUND, CAMERA, looking_at_origin(), BOX_EDGES)
    # a quarter of the longest side along x, seen from 4 m; the letter of the z axis is in front of its beginning
    red = pixels_of(drawn, AXES["x"])
    assert red[:, 0].min() > 319 and np.abs(np.median(red[:, 1]) - 179.5) < 2
    assert np.isin(np.arange(340, 369), red[:, 0]).all() and red[:, 0].max() < 390
    green = pixels_of(drawn, AXES["y"])
    assert np.abs(np.median(green[:, 0]) - 319.5) < 2 and green[:, 1].min() >= 177
    # the near face of the box is 3.75 m away
    yellow = pixels_of(drawn, EDGE_COLOUR)
    assert yellow[:, 0].min() == pytest.approx(319.5 - 400 / 3.75, abs=2)
    assert yellow[:, 1].max() == pytest.approx(179.5 + 200 / 3.75, abs=2)


def test_the_camera_may_be_that_of_a_larger_image():
    small = draw_pose(GROUND, CAMERA.scaled(1280, 720), looking_at_origin(), BOX_EDGES)
    assert np.array_equal(small, draw_pose(GROUND, CAMERA, looking_at_origin(), BOX_EDGES))


def test_what_is_behind_the_camera_is_not_drawn():
    away = looking_at_origin(-4.0)
    assert np.array_equal(draw_pose(GROUND, CAMERA, away, BOX_EDGES), GROUND)
    # from inside a box its far edges are in sight
    inside = draw_pose(GROUND, CAMERA, looking_at_origin(0.0), 4 * BOX_EDGES[..., [2, 1, 0]])
    assert 0 < len(pixels_of(inside, EDGE_COLOUR)) < GROUND[..., 0].size / 10


def test_the_image_itself_stays_as_it_was_and_text_is_written_below():
    image = GROUND.copy()
    drawn = draw_pose(image, CAMERA, looking_at_origin(-4.0), text="OK")
    assert np.array_equal(image, GROUND)
    changed = np.nonzero(np.any(drawn != GROUND, axis=2))[0]
    assert len(changed) and changed.min() > 300

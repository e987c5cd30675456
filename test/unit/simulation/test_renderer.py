# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
import pytest

from camera_relocalization_ros.aircraft.placements import T_map_airframe
from camera_relocalization_ros.core.geometry import invert, transform_points
from camera_relocalization_ros.simulation import airframe_shape
from camera_relocalization_ros.simulation.camera_kind import X3_CAMERA
from camera_relocalization_ros.simulation.flight import Flight
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording
from camera_relocalization_ros.simulation.renderer import Renderer

CAMERA = X3_CAMERA.scaled(640, 360)


def looking_at(eye, target):
    forward = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    right = np.cross(forward, [0, 0, 1]) / np.linalg.norm(np.cross(forward, [0, 0, 1]))
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = eye
    return T


@pytest.fixture(scope="module")
def renderer():
    renderer = Renderer(CAMERA, T_map_airframe(6))
    yield renderer
    renderer.close()


def test_points_in_space_land_on_their_pixels(renderer):
    T_map_camera = Flight.random(T_map_airframe(6), 0).T_map_camera(np.array([3.0]))[0]
    grid = [(x, y, 1.2) for x in (-0.8, -0.3, 0.35, 0.8) for y in (-0.4, 0.1, 0.42)]
    renderer.add_markers(transform_points(T_map_camera, np.array(grid)), radius=0.012)
    image = renderer.render(T_map_camera)
    is_marker = (image[..., 1] > 250) & (image[..., 0] < 5) & (image[..., 2] < 5)
    _, _, _, centres = cv2.connectedComponentsWithStats(is_marker.astype(np.uint8))
    for pixel in CAMERA.project(grid):
        assert np.linalg.norm(centres[1:] - pixel, axis=1).min() < 0.3


def test_the_airframe_stands_where_its_shape_says(renderer):
    # the fin's and wings' tips are seen against the hall: the picture changes right at them
    T_map_object = T_map_airframe(6)
    other = Renderer(CAMERA, T_map_airframe(1))
    tips = np.array([airframe_shape.LANDMARKS[name] for name in ("fin tip", "left wing tip", "right wing tip")])
    tips_map = transform_points(T_map_object, tips)
    T_map_camera = looking_at(T_map_object[:3, 3] + [2.4, 1.2, 0.9], T_map_object[:3, 3])
    with_airframe, without = renderer.render(T_map_camera), other.render(T_map_camera)
    other.close()
    is_airframe = np.abs(with_airframe.astype(int) - without).sum(axis=2) > 30
    pixels = CAMERA.project(transform_points(invert(T_map_camera), tips_map))
    centre = CAMERA.project(transform_points(invert(T_map_camera), T_map_object[None, :3, 3]))[0]
    for pixel in pixels:
        outwards = (pixel - centre) / np.linalg.norm(pixel - centre)
        column, row = np.round(pixel - 6 * outwards).astype(int)
        assert is_airframe[row - 4 : row + 5, column - 4 : column + 5].any()
        column, row = np.round(pixel + 12 * outwards).astype(int)
        assert not is_airframe[row - 1 : row + 2, column - 1 : column + 2].any()


def test_left_and_right_side_differ(renderer):
    T_map_object = T_map_airframe(6)
    sides = []
    for y in (2.2, -2.2):
        eye = transform_points(T_map_object, [[0.0, y, 0.1]])[0]
        image = renderer.render(looking_at(eye, T_map_object[:3, 3]))
        sides.append(image if y > 0 else image[:, ::-1])
    fuselage = np.s_[165:195, 200:440]
    assert np.abs(sides[0][fuselage].astype(int) - sides[1][fuselage]).mean() > 8


def test_same_plan_same_images_other_seed_other_light():
    def first_images(seed):
        recording = Recording(FlightPlan(placement=3, duration_s=0.2, rate_hz=10, seed=seed, width=320))
        return [jpeg.tobytes() for _, jpeg in recording.images()]

    first = first_images(1)
    assert first_images(1) == first
    assert first_images(2) != first

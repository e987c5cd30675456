# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
import pytest

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.plain_values import from_plain, to_plain

CAMERA = CameraIntrinsics(640, 480, 585.0, 580.0, 319.5, 239.5)


def test_a_point_on_the_axis_lands_on_the_principal_point():
    np.testing.assert_allclose(CAMERA.project([[0, 0, 2.0]]), [[319.5, 239.5]])


def test_points_behind_the_camera_have_no_pixel():
    pixels = CAMERA.project([[0.1, 0.2, -1.0], [0.0, 1.0, 1.0]])
    assert np.isnan(pixels[0]).all()
    np.testing.assert_allclose(pixels[1], [319.5, 819.5])


def test_scaling_moves_pixels_as_a_resized_image_does():
    # the outer edges of the image, half a pixel beyond the outer pixel centres, stay the edges
    half = CAMERA.scaled(320, 240)
    point = np.array([[0.3, -0.2, 2.0]])
    np.testing.assert_allclose(half.project(point) + 0.5, (CAMERA.project(point) + 0.5) / 2)


def test_dict_round_trip():
    camera = CameraIntrinsics(640, 480, 100.0, 200.0, 3.0, 4.0, (0.1, -0.2, 0.001, 0.002, 0.3))
    assert from_plain(CameraIntrinsics, to_plain(camera)) == camera


@pytest.mark.parametrize(
    "focal, distortion",
    [
        (0.85, (-0.13, 0.1, 0.0, 0.0, 0.0)),
        (0.6, (-0.28, 0.08, 0.0005, -0.0003, -0.01)),
        (0.5, (-0.24, 0.06, 0.0, 0.0, -0.006)),
        (0.6, (1.2, 0.4, 0.0, 0.0, 0.03, 1.5, 0.7, 0.1)),
    ],
)
def test_rays_undo_the_projection_up_to_the_corners(focal, distortion):
    # wide lenses are where five steps of fixed-point iteration, OpenCV's default, are off by pixels
    camera = CameraIntrinsics(1280, 720, focal * 1280, focal * 1280, 639.5, 359.5, distortion)
    pixels = np.stack(np.meshgrid(np.linspace(0, 1279, 33), np.linspace(0, 719, 19)), axis=-1).reshape(-1, 2)
    rays = camera.rays(pixels)
    assert np.isfinite(rays).all()
    np.testing.assert_allclose(camera.project(np.column_stack([rays, np.ones(len(rays))])), pixels, atol=1e-5)


def test_where_the_distortion_bends_back_there_is_no_ray():
    # r (1 - 0.5 r^2) never exceeds 0.544, and the corners lie at 0.8 focal lengths
    camera = CameraIntrinsics(640, 480, 500.0, 500.0, 319.5, 239.5, (-0.5, 0.0, 0.0, 0.0, 0.0))
    rays = camera.rays([[319.5, 239.5], [400.0, 300.0], [0.0, 0.0], [639.0, 479.0]])
    assert np.isfinite(rays[:2]).all() and np.isnan(rays[2:]).all()
    assert camera.rays(np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "camera width is 0; expected 1 to 65536"),
        ({"fx": float("nan")}, "camera fx is nan; expected above 0"),
        ({"fy": -580.0}, "camera fy is -580.0; expected above 0"),
        ({"fx": 4e16}, "camera fx is 4e"),
        ({"fx": 0.9, "fy": 1.2}, "camera fx is 0.9; expected pixels, .* divided by the picture's size"),
        ({"cx": float("inf")}, "camera cx is inf"),
        ({"distortion": (0.1, float("nan"), 0.0, 0.0, 0.0)}, "camera distortion"),
        ({"distortion": (0.1,) * 7}, "camera distortion .* expected 0, 4, 5"),
    ],
)
def test_numbers_that_describe_no_camera_are_refused_wherever_they_come_from(change, message):
    with pytest.raises(ValueError, match=message):
        from_plain(CameraIntrinsics, {**to_plain(CAMERA), **change})


FISHEYES = [(-0.01, 0.02, -0.003, 0.0005), (0.1, -0.02, 0.01, 0.0), (0.0, 0.0, 0.0, 0.0)]


@pytest.mark.parametrize("distortion", FISHEYES)
def test_a_fisheye_sees_points_where_opencv_does_and_rays_lead_back(distortion):
    camera = CameraIntrinsics(1280, 960, 420.0, 425.0, 639.0, 470.0, distortion, "equidistant")
    angles = np.radians(np.linspace(0.0, 79.0, 40))
    turns = np.linspace(0.0, 6.0, 40)
    points = np.stack([np.sin(angles) * np.cos(turns), np.sin(angles) * np.sin(turns), np.cos(angles)], axis=1)
    nowhere = np.zeros(3)
    expected, _ = cv2.fisheye.projectPoints(points[:, None], nowhere, nowhere, camera.matrix, np.array(distortion))
    pixels = camera.project(points)
    np.testing.assert_allclose(pixels, expected[:, 0], atol=1e-6)
    np.testing.assert_allclose(camera.rays(pixels), points[:, :2] / points[:, 2:], rtol=1e-6, atol=1e-9)
    # what lies further out has no ray that would be of use
    assert np.isnan(camera.rays([[639.0, 470.0 + 425.0 * 3]])).all()


def test_a_scaled_and_cropped_fisheye_is_still_one():
    camera = CameraIntrinsics(1280, 960, 420.0, 425.0, 639.0, 470.0, FISHEYES[0], "equidistant")
    point = np.array([[1.0, -0.5, 1.0]])
    np.testing.assert_allclose(camera.scaled(640, 480).project(point), (camera.project(point) + 0.5) / 2 - 0.5)
    np.testing.assert_allclose(camera.cropped(30, 20, 900, 700).project(point), camera.project(point) - [30, 20])
    assert from_plain(CameraIntrinsics, to_plain(camera)) == camera


def test_files_of_a_pinhole_stay_as_they_were():
    assert list(to_plain(CAMERA)) == ["width", "height", "fx", "fy", "cx", "cy", "distortion"]


@pytest.mark.parametrize("model, count", [("omni", 4), ("equidistant", 5), ("plumb_bob", 3)])
def test_unknown_models_of_distortion_are_refused(model, count):
    with pytest.raises(ValueError, match=r"camera distortion.*; expected"):
        CameraIntrinsics(640, 480, 500.0, 500.0, 319.5, 239.5, (0.0,) * count, model)


@pytest.mark.parametrize(
    "distortion, model, expected",
    [
        ((0.0,) * 5, "plumb_bob", 0.0),
        ((-0.28, 0.08, 0.0005, -0.0003, -0.01), "plumb_bob", 0.0),
        ((-0.5, 0.0, 0.0, 0.0, 0.0), "plumb_bob", 0.30),
        # a real fisheye, and one whose polynomial bends back 0.58 rad from the axis
        ((-0.01, 0.02, -0.003, 0.0005), "equidistant", 0.0),
        ((-1.0, 0.0, 0.0, 0.0), "equidistant", 0.66),
    ],
)
def test_how_much_of_the_picture_the_distortion_does_not_reach(distortion, model, expected):
    camera = CameraIntrinsics(640, 480, 500.0, 500.0, 319.5, 239.5, distortion, model)
    assert camera.blind_share() == pytest.approx(expected, abs=0.03)

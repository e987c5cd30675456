# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics

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
    camera = CameraIntrinsics(640, 480, 1.0, 2.0, 3.0, 4.0, (0.1, -0.2, 0.001, 0.002, 0.3))
    assert CameraIntrinsics.from_dict(camera.to_dict()) == camera

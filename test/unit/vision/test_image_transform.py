# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
import pytest

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError, FrameError
from camera_relocalization_ros.data.camera_files import load_camera
from camera_relocalization_ros.vision.image_transform import ImageTransform

# the X3's lens as DJI's driver has it: the image was squeezed from 16:9 to 4:3
X3 = CameraIntrinsics(640, 480, 388.4, 518.2, 318.1, 241.2, (-0.130, 0.095, -0.0003, -0.0002, 0.0))
POINTS = np.array([[0.2, -0.1, 1.0], [-0.4, 0.2, 1.2], [0.0, 0.3, 1.0], [0.5, 0.25, 1.5]])


def picture_of_points(camera, sigma=2.0):
    """A blob at the pixel of each point."""
    y, x = np.mgrid[0 : camera.height, 0 : camera.width]
    image = np.zeros((camera.height, camera.width))
    for u, v in camera.project(POINTS):
        image += np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2))
    return np.dstack([np.clip(255 * image, 0, 255).astype(np.uint8)] * 3)


def blob_near(image, pixel, reach=12):
    u, v = (int(round(value)) for value in pixel)
    patch = image[v - reach : v + reach + 1, u - reach : u + reach + 1, 0].astype(float)
    y, x = np.mgrid[v - reach : v + reach + 1, u - reach : u + reach + 1]
    return np.array([(patch * x).sum(), (patch * y).sum()]) / patch.sum()


@pytest.mark.parametrize(
    ("size", "undistort"), [(None, True), ((320, 240), False), ((320, 180), True), ((1280, 960), False)]
)
def test_points_lie_where_the_new_intrinsics_say(size, undistort):
    transform = ImageTransform(X3, size, undistort)
    image = transform.apply(picture_of_points(X3))
    assert image.shape[1::-1] == (size or (640, 480)) == (transform.camera.width, transform.camera.height)
    assert not undistort or transform.camera.distortion == (0.0,) * 5
    for pixel in transform.camera.project(POINTS):
        assert np.linalg.norm(blob_near(image, pixel) - pixel) < 0.3


def test_undistorted_image_has_no_black_border():
    image = ImageTransform(X3, undistort=True).apply(np.full((480, 640, 3), 200, np.uint8))
    assert image.min() > 150


def test_nothing_to_do_is_the_identity():
    image = picture_of_points(X3)
    assert ImageTransform(X3).is_identity
    np.testing.assert_array_equal(ImageTransform(None).apply(image), image)
    assert ImageTransform(None, (320, 240)).camera is None


def test_undistorting_needs_intrinsics_of_the_images_size():
    with pytest.raises(ConfigError, match="--camera FILE"):
        ImageTransform(None, undistort=True)
    with pytest.raises(FrameError, match="image of 320x240 pixels, intrinsics are for 640x480"):
        ImageTransform(X3, undistort=True).apply(np.zeros((240, 320, 3), np.uint8))
    with pytest.raises(FrameError, match="image of 320x240 pixels"):
        ImageTransform(X3).apply(np.zeros((240, 320, 3), np.uint8))


CALIBRATION = """
image_width: 640
image_height: 480
camera_name: x3
camera_matrix: {rows: 3, cols: 3, data: [388.4, 0, 318.1, 0, 518.2, 241.2, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.130, 0.095, -0.0003, -0.0002, 0]}
"""


def test_intrinsics_come_from_both_kinds_of_files(tmp_path):
    (tmp_path / "ros.yaml").write_text(CALIBRATION)
    assert load_camera(tmp_path / "ros.yaml") == X3
    values = "width: 640\nheight: 480\nfx: 388.4\nfy: 518.2\ncx: 318.1\ncy: 241.2\n"
    (tmp_path / "own.yaml").write_text(values + "distortion: [-0.130, 0.095, -0.0003, -0.0002, 0.0]\n")
    assert load_camera(tmp_path / "own.yaml") == X3


FISHEYE = CameraIntrinsics(752, 480, 461.0, 460.0, 362.0, 246.0, (-0.01, 0.02, -0.003, 0.0005), "equidistant")
CAMCHAIN = """
cam0:
  camera_model: pinhole
  distortion_coeffs: [-0.01, 0.02, -0.003, 0.0005]
  distortion_model: equidistant
  intrinsics: [461.0, 460.0, 362.0, 246.0]
  resolution: [752, 480]
  rostopic: /cam0/image_raw
"""
SECOND = CAMCHAIN.replace("cam0", "cam1").replace("equidistant", "radtan").replace("461.0", "470.0")


def test_a_camchain_of_kalibr_and_a_fisheye_of_camera_calibration(tmp_path):
    (tmp_path / "camchain.yaml").write_text(CAMCHAIN)
    assert load_camera(tmp_path / "camchain.yaml") == FISHEYE
    (tmp_path / "two.yaml").write_text(CAMCHAIN + SECOND)
    with pytest.raises(ConfigError, match=r"/cam1/image_raw.*two.yaml|FILE:cam0"):
        load_camera(tmp_path / "two.yaml")
    second = load_camera(tmp_path / "two.yaml:cam1")
    assert (second.fx, second.distortion) == (470.0, (-0.01, 0.02, -0.003, 0.0005, 0.0))
    (tmp_path / "ros.yaml").write_text(CALIBRATION.replace("plumb_bob", "equidistant").replace("-0.0002, 0]", "-2e-4]"))
    assert load_camera(tmp_path / "ros.yaml").is_fisheye


@pytest.mark.parametrize(
    "text", [CAMCHAIN.replace("pinhole", "omni"), "width: 640", CALIBRATION.replace("plumb_bob", "omni"), "- 1", "{"]
)
def test_files_that_are_no_intrinsics_are_named(tmp_path, text):
    (tmp_path / "camera.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"camera.yaml: "):
        load_camera(tmp_path / "camera.yaml")


def test_opencv_agrees_with_the_new_intrinsics():
    camera = ImageTransform(X3, undistort=True).camera
    pixels = X3.project(POINTS).reshape(-1, 1, 2)
    expected = cv2.undistortPoints(pixels, X3.matrix, np.array(X3.distortion), P=camera.matrix).reshape(-1, 2)
    np.testing.assert_allclose(camera.project(POINTS), expected, atol=0.05)


def test_a_fisheye_becomes_a_pinhole():
    camera = CameraIntrinsics(640, 480, 300.0, 302.0, 318.0, 241.0, (-0.02, 0.01, 0.0, 0.0), "equidistant")
    transform = ImageTransform(camera, undistort=True)
    assert not transform.camera.is_distorted
    image = transform.apply(picture_of_points(camera))
    for pixel in transform.camera.project(POINTS):
        assert np.linalg.norm(blob_near(image, pixel) - pixel) < 0.5

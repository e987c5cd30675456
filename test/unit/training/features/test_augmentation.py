# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import invert, pose_matrix, transform_points
from camera_relocalization_ros.training.features.augmentation import (
    random_blur,
    random_exposure,
    random_noise,
    random_occlusion,
    random_rotation,
    virtual_rotation,
)
from camera_relocalization_ros.vision.image_parts import with_background

CAMERA = CameraIntrinsics(320, 180, 194.0, 194.0, 159.5, 89.5)


def grey(level=128):
    return np.full((180, 320, 3), level, np.uint8)


def test_a_virtual_rotation_moves_the_image_of_a_point_where_its_new_pose_puts_it():
    T_world_camera = pose_matrix(np.array([0.3, -0.2, 0.5]), Rotation.from_euler("xyz", [0.2, -0.1, 0.3]).as_quat())
    point_world = transform_points(T_world_camera, [[0.25, -0.1, 2.0]])
    image = np.zeros((180, 320, 3), np.uint8)
    cv2.circle(image, tuple(np.round(CAMERA.project([[0.25, -0.1, 2.0]])[0]).astype(int)), 3, (255, 255, 255), -1)
    T_camera_virtual = np.eye(4)
    T_camera_virtual[:3, :3] = Rotation.from_euler("xyz", [4.0, -6.0, 10.0], degrees=True).as_matrix()
    turned = virtual_rotation(image, CAMERA, T_camera_virtual[:3, :3])
    rows, columns = np.nonzero(turned[..., 0] > 127)
    expected = CAMERA.project(transform_points(invert(T_world_camera @ T_camera_virtual), point_world))[0]
    np.testing.assert_allclose([columns.mean(), rows.mean()], expected, atol=0.7)


def test_in_plane_rotation_has_its_own_spread():
    rng = np.random.default_rng(0)
    vectors = np.array([Rotation.from_matrix(random_rotation(rng, 0.02, 0.1)).as_rotvec() for _ in range(2000)])
    np.testing.assert_allclose(vectors.std(axis=0), [0.02, 0.02, 0.1], rtol=0.08)
    np.testing.assert_allclose(random_rotation(rng, 0.0, 0.0), np.eye(3))


def test_exposure_keeps_the_darkest_dark_and_changes_the_rest():
    image = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 4, 3))
    changed = random_exposure(image, np.random.default_rng(0), 0.3)
    assert changed.shape == image.shape
    assert changed[0].max() == 0
    assert np.abs(changed.astype(int) - image).max() > 5
    assert (np.diff(changed.astype(int), axis=0) >= 0).all()


def test_blur_keeps_the_mean_and_takes_sharpness():
    sharp = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    rng = np.random.default_rng(1)
    spreads = [random_blur(sharp, rng, 2.0).std() for _ in range(20)]
    assert min(spreads) < 0.3 * sharp.std()
    assert max(spreads) <= sharp.std()
    np.testing.assert_array_equal(random_blur(sharp, rng, 0.0), sharp)


def test_noise_is_as_strong_as_asked_for_and_no_bias():
    rng = np.random.default_rng(0)
    spreads = np.array([random_noise(grey(), rng, 8.0).std() for _ in range(50)])
    assert spreads.min() < 1.5
    assert 6.0 < spreads.max() < 8.2
    assert abs(random_noise(grey(), rng, 8.0).mean() - 128) < 0.1
    np.testing.assert_array_equal(random_noise(grey(), rng, 0.0), grey())


def test_occlusion_hides_some_of_the_image_and_leaves_the_rest():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (180, 320, 3), dtype=np.uint8)
    hidden = np.array([(random_occlusion(image, rng) != image).any(axis=2).mean() for _ in range(100)])
    assert 0.03 < hidden.mean() < 0.25
    assert hidden.max() < 0.6


def test_a_background_lies_outside_the_silhouette_alone():
    silhouette = np.zeros((180, 320), np.uint8)
    cv2.circle(silhouette, (100, 90), 40, 255, -1)
    # what a turn made of the silhouette's edge still counts as the object
    silhouette[90, 150] = 1
    mixed = with_background(grey(10), silhouette, grey(200))
    np.testing.assert_array_equal(mixed, np.where(silhouette[..., None] > 0, grey(10), grey(200)))

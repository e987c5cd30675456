# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import invert, pose_matrix, transform_points
from camera_relocalization_ros.learning.augmentation import random_exposure, virtual_rotation

CAMERA = CameraIntrinsics(320, 180, 194.0, 194.0, 159.5, 89.5)


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


def test_exposure_keeps_the_darkest_dark_and_changes_the_rest():
    image = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 4, 3))
    changed = random_exposure(image, np.random.default_rng(0), 0.3)
    assert changed.shape == image.shape and changed[0].max() == 0
    assert np.abs(changed.astype(int) - image).max() > 5
    assert (np.diff(changed.astype(int), axis=0) >= 0).all()

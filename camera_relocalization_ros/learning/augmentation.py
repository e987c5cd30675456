# SPDX-License-Identifier: BSD-3-Clause
"""New training views whose pose stays exact: the camera is turned about its own centre by a homography."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics


def virtual_rotation(image_rgb: np.ndarray, camera: CameraIntrinsics, R_camera_virtual: np.ndarray) -> np.ndarray:
    """What the camera would have seen after turning by R_camera_virtual (3, 3): (H, W, 3) uint8.

    T_parent_virtual = T_parent_camera @ T_camera_virtual, with no translation: a pure rotation needs no depth
    (Hartley & Zisserman 2004, 8.4). What lies outside the image is filled by its mirrored border.
    Distortion is neglected: it is small beside the few degrees this is used for.
    """
    K = camera.matrix
    H_image_virtual = K @ R_camera_virtual @ np.linalg.inv(K)
    return cv2.warpPerspective(
        image_rgb,
        H_image_virtual,
        (camera.width, camera.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def random_rotation(rng: np.random.Generator, sd_rad: float) -> np.ndarray:
    """A rotation matrix (3, 3) whose rotation vector is normal with `sd_rad` per axis."""
    return Rotation.from_rotvec(rng.normal(0.0, sd_rad, 3)).as_matrix()


def random_exposure(image_rgb: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Brightness, contrast and colour balance changed by about `strength` (0.2: a fifth), as automatics do."""
    gain = np.exp(rng.normal(0.0, strength) + rng.normal(0.0, strength / 3, 3))
    gamma = np.exp(rng.normal(0.0, strength / 2))
    levels = (np.arange(256) / 255.0)[:, None] ** gamma * gain * 255.0
    table = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return cv2.LUT(image_rgb, table[:, None, :])

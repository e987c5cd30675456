# SPDX-License-Identifier: BSD-3-Clause
"""Changes to training images under which the pose stays known exactly: what each does, never how often."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.training.features.backgrounds import random_texture

# things in the way: how many, and their half axes as shares of the image's width
MAX_OCCLUDERS, OCCLUDER_AXES = 3, (0.03, 0.15)


def virtual_rotation(
    image: np.ndarray,
    camera: CameraIntrinsics,
    R_camera_virtual: np.ndarray,
    border: int = cv2.BORDER_REFLECT_101,
) -> np.ndarray:
    """What the camera would have seen after turning by R_camera_virtual (3, 3): as the image, (H, W, 3) or (H, W).

    T_parent_virtual = T_parent_camera @ T_camera_virtual, with no translation: a pure rotation needs no depth
    (Hartley & Zisserman 2004, 8.4). What lies outside the image is filled by its mirrored border, or with zeros
    where `border` is cv2.BORDER_CONSTANT. Distortion is neglected, but a fisheye's: it is small beside the few degrees
    this is used for.
    """
    if camera.is_fisheye:
        return _turned_fisheye(image, camera, R_camera_virtual, border)
    K = camera.matrix
    H_image_virtual = K @ R_camera_virtual @ np.linalg.inv(K)
    return cv2.warpPerspective(
        image,
        H_image_virtual,
        (camera.width, camera.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
    )


def _turned_fisheye(image: np.ndarray, camera: CameraIntrinsics, R: np.ndarray, border: int) -> np.ndarray:
    """As `virtual_rotation`, pixel by pixel along the lens' own rays; what it has none for counts as outside."""
    source = camera.project(_directions(camera) @ R.T)
    maps = np.nan_to_num(source, nan=-1e4).astype(np.float32).reshape(camera.height, camera.width, 2)
    return cv2.remap(image, maps, None, cv2.INTER_LINEAR, borderMode=border)


@lru_cache(maxsize=4)
def _directions(camera: CameraIntrinsics) -> np.ndarray:
    """(x/z, y/z, 1) of what all pixels of a fisheye see (H * W, 3): the same for all views, and Newton's method."""
    rays = camera.rays(camera.pixels())
    return np.column_stack([rays, np.ones(len(rays))])


def random_rotation(rng: np.random.Generator, sd_rad: float, in_plane_sd_rad: float) -> np.ndarray:
    """A rotation matrix (3, 3): its rotation vector is normal, with `in_plane_sd_rad` along the optical axis."""
    return Rotation.from_rotvec(rng.normal(0.0, [sd_rad, sd_rad, in_plane_sd_rad])).as_matrix()


def random_exposure(image_rgb: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Brightness, contrast and colour balance changed by about `strength` (0.2: a fifth), as automatics do."""
    gain = np.exp(rng.normal(0.0, strength) + rng.normal(0.0, strength / 3, 3))
    gamma = np.exp(rng.normal(0.0, strength / 2))
    levels = (np.arange(256) / 255.0)[:, None] ** gamma * gain * 255.0
    table = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return cv2.LUT(image_rgb, table[:, None, :])


def random_blur(image_rgb: np.ndarray, rng: np.random.Generator, sd_px: float) -> np.ndarray:
    """Out of focus by a Gaussian, whose own spread is drawn as |normal| with `sd_px`."""
    spread_px = abs(rng.normal(0.0, sd_px))
    # a narrower kernel is a single pixel
    return cv2.GaussianBlur(image_rgb, (0, 0), spread_px) if spread_px > 0.2 else image_rgb


def random_noise(image_rgb: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Independent normal noise of at most `strength` grey levels, drawn anew for each image."""
    if not strength:
        return image_rgb
    noise = rng.standard_normal(image_rgb.shape, dtype=np.float32) * np.float32(rng.uniform(0.0, strength))
    return np.clip(np.round(image_rgb + noise), 0, 255).astype(np.uint8)


def random_occlusion(image_rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to three rectangles or ellipses in the way, filled with a texture or with another place of the image."""
    height, width = image_rgb.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(1, MAX_OCCLUDERS + 1)):
        centre = rng.uniform(0, 1, 2) * [width, height]
        box = (centre.tolist(), (2 * width * rng.uniform(*OCCLUDER_AXES, 2)).tolist(), rng.uniform(0, 180))
        if rng.random() < 0.5:
            cv2.ellipse(mask, box, 255, -1)
        else:
            cv2.fillConvexPoly(mask, np.round(cv2.boxPoints(box)).astype(np.int32), 255)
    if rng.random() < 0.5:
        fill = random_texture(rng, width, height)
    else:
        shift = rng.uniform(0.25, 0.75, 2) * [height, width]
        fill = np.roll(image_rgb, shift.astype(int), axis=(0, 1))
    return cv2.copyTo(fill, mask, image_rgb.copy())

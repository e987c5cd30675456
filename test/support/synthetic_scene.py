# SPDX-License-Identifier: BSD-3-Clause
"""A scene of points with made-up descriptors, and what cameras see of it; a fixed seed gives a fixed scene."""

import numpy as np

from camera_relocalization_ros.core.geometry import invert, pose_matrix, transform_points
from camera_relocalization_ros.vision.local_features import LocalFeatures

FOCAL_PX = 500.0
NOISE_PX = 0.5


def descriptors(generator, count):
    """(n, 128) uint8 of length 512, about as sparse as SIFT's."""
    values = generator.exponential(1.0, (count, 128)) ** 1.5
    return np.clip(np.round(512 * values / np.linalg.norm(values, axis=1, keepdims=True)), 0, 255).astype(np.uint8)


def looking_at(position, target):
    """T_world_camera (4, 4) of a camera that looks at a point, its x axis level."""
    z = (target - position) / np.linalg.norm(target - position)
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    T = np.eye(4)
    T[:3, :3] = np.stack([x, np.cross(z, x), z], axis=1)
    T[:3, 3] = position
    return T


def seen(generator, T_world_camera, points, codes, noise_px=NOISE_PX, half_width=0.65):
    """The features of the points (n, 3) that lie in the image, in random order, their descriptors a little changed."""
    local = transform_points(invert(T_world_camera), points)
    rays = local[:, :2] / np.where(local[:, 2:] > 0.1, local[:, 2:], np.nan)
    with np.errstate(invalid="ignore"):
        visible = generator.permutation(np.flatnonzero((np.abs(rays) < half_width).all(axis=1)))
    rays = rays[visible] + generator.normal(0, noise_px / FOCAL_PX, (len(visible), 2))
    changed = codes[visible] + generator.normal(0, 6.0, (len(visible), 128))
    found = np.clip(np.round(changed), 0, 255).astype(np.uint8)
    return LocalFeatures(rays, found, FOCAL_PX * rays, FOCAL_PX)


def circle(generator, count, radius_m=2.5, start=0.0):
    """Poses (n, 4, 4) on a third of a circle around the origin, looking at it."""
    angles = start + np.linspace(0, 2, count)
    height = 0.4 * np.sin(3 * angles) + generator.normal(0, 0.05, count)
    positions = np.stack([radius_m * np.cos(angles), radius_m * np.sin(angles), height], axis=1)
    return np.array([looking_at(p, generator.normal(0, 0.05, 3)) for p in positions])


def placement_pose(x, y, yaw):
    """T_world_object (4, 4) of an object on the floor."""
    return pose_matrix(np.array([x, y, 0.0]), np.array([0, 0, np.sin(yaw / 2), np.cos(yaw / 2)]))

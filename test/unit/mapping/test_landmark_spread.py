# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from painted_wall import flight

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.core.geometry import position_quat, transform_points
from camera_relocalization_ros.localization.landmarks.landmark_spread import (
    FEW_IMAGES,
    spreads,
    spreads_of_few_images,
)
from camera_relocalization_ros.mapping.triangulation import Observations, triangulate
from camera_relocalization_ros.vision.pnp import project

NOISE = 1e-5


def map_of(T_parent_lens, points, seen):
    """A map of points (l, 3) and those that each image saw."""
    positions, quats_xyzw = position_quat(T_parent_lens)
    return LandmarkMap(
        points=points,
        codes=np.ones((len(points), 4), np.int8),
        code_mean=np.zeros(128),
        code_axes=np.eye(128)[:, :4],
        seen_first=np.concatenate([[0], np.cumsum([len(one) for one in seen])]),
        seen=np.concatenate(seen),
        positions=positions,
        quats_xyzw=quats_xyzw,
        correction=np.array([1.0, *np.zeros(9)]),
        settings=np.array([480.0, 800.0, 0.02]),
        deviation=np.array([1.0, 0.0, 1.0, 0.0]),
    )


def test_spreads_are_the_errors_of_triangulated_points():
    T = flight(6, seed=2)
    points = transform_points(T[0], np.array([[0.2, 0.1, 2.0], [-0.3, 0.2, 2.5]]))
    # the first by all images, the second by two
    seen = [[0, 1] if image < 2 else [0] for image in range(6)]
    found = spreads(map_of(T, points, seen))
    image, landmark = np.repeat(np.arange(6), [len(s) for s in seen]), np.concatenate(seen)
    rays = np.concatenate([project(points[s], T[i])[0] for i, s in enumerate(seen)])
    generator, moved = np.random.default_rng(0), []
    for _ in range(400):
        noisy = Observations(image, landmark, rays + generator.normal(0, NOISE, rays.shape))
        moved.append((triangulate(noisy, T, 2) - points) / NOISE)
    measured = np.einsum("kli,klj->lij", moved, moved) / len(moved)
    for one, other in zip(found, measured):
        np.testing.assert_allclose(np.sqrt(np.linalg.eigvalsh(one)), np.sqrt(np.linalg.eigvalsh(other)), rtol=0.15)
    assert np.linalg.eigvalsh(found[1])[-1] > 2 * np.linalg.eigvalsh(found[0])[-1]


def test_landmarks_of_a_recording_count_alike():
    T = flight(FEW_IMAGES + 1, seed=2)
    few, many = (map_of(poses, np.zeros((1, 3)), [[0]] * len(poses)) for poses in (T[1:], T))
    assert spreads_of_few_images(few).shape == (1, 3, 3)
    # whose covariances were fitted to poses by such
    assert spreads_of_few_images(many) is None

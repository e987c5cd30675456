# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from painted_wall import flight

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.core.geometry import position_quat, transform_points
from camera_relocalization_ros.localization.landmarks.landmark_spread import (
    ALIKE,
    DRIFT,
    FEW_IMAGES,
    SEEN_BY_FEW,
    spreads,
    spreads_of_seldom_seen,
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
        seen=np.concatenate(seen).astype(np.int64),
        positions=positions,
        quats_xyzw=quats_xyzw,
        correction=np.array([1.0, *np.zeros(9)]),
        settings=np.array([480.0, 800.0, 0.02]),
        deviation=np.array([1.0, 0.0, 1.0, 0.0]),
    )


def test_spreads_are_the_errors_of_triangulated_points_and_of_what_looks_alike():
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
    depths = [project(points, pose)[1] for pose in T]
    for one, depths_m, other in zip(found, ([d[0] for d in depths], [d[1] for d in depths[:2]]), measured):
        drift = DRIFT / np.sum(np.power(depths_m, -2.0))
        one = (one - drift * np.eye(3)) / ALIKE
        np.testing.assert_allclose(np.sqrt(np.linalg.eigvalsh(one)), np.sqrt(np.linalg.eigvalsh(other)), rtol=0.15)
    assert np.linalg.eigvalsh(found[1])[-1] > 2 * np.linalg.eigvalsh(found[0])[-1]


def test_landmarks_of_a_recording_count_alike_where_many_images_see_them():
    T = flight(FEW_IMAGES + 1, seed=2)
    few, many = (map_of(poses, np.zeros((1, 3)), [[0]] * len(poses)) for poses in (T[1:], T))
    assert spreads_of_seldom_seen(few).shape == (1, 3, 3)
    # whose covariances were fitted to poses by such
    assert spreads_of_seldom_seen(many) is None
    # one in a dense map of many images
    others = [[1] if image < SEEN_BY_FEW else [] for image in range(len(T))]
    seldom = [[0, *others[image]] if image < SEEN_BY_FEW - 1 else others[image] for image in range(len(T))]
    assert spreads_of_seldom_seen(map_of(T, np.zeros((2, 3)), seldom)).shape == (2, 3, 3)


def test_what_few_images_see_counts_less():
    T = flight(40, seed=2)
    points = transform_points(T[0], np.array([[0.2, 0.1, 2.0], [-0.3, 0.2, 2.0]]))
    found = spreads(map_of(T, points, [[0, 1] if image % 10 == 0 else [0] for image in range(len(T))]))
    of_many, of_few = (np.sqrt(np.linalg.eigvalsh(one)) for one in found)
    # four images instead of forty
    assert (of_few > 2 * of_many).all()

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.evaluation.baselines import best_k_poses, cell_poses


def plane_index(descriptors, x, turn_deg):
    positions = np.array([[value, 0.0, 0.0] for value in x])
    quats = Rotation.from_euler("z", np.reshape(turn_deg, (-1, 1)), degrees=True).as_quat()
    return RetrievalIndex(np.zeros(2), np.eye(2), np.array(descriptors, dtype=float), positions, quats)


def test_best_two_are_weighted_by_similarity():
    index = plane_index([[1, 0], [0, 1], [-1, 0]], [0.0, 7.0, 100.0], [0.0, 0.0, 90.0])
    poses = best_k_poses(index, np.array([[4.0, 3.0]]), k=2)
    # similarities 0.8 and 0.6
    np.testing.assert_allclose(poses.positions, [[3.0, 0.0, 0.0]])
    np.testing.assert_allclose(np.abs(poses.quats_xyzw), [[0, 0, 0, 1]], atol=1e-9)


def test_classification_answers_the_mean_of_the_cell():
    index = plane_index([[1, 0], [1, 0], [0, 1], [0, 1]], [0.0, 1.0, 50.0, 51.0], [0.0, 20.0, 90.0, 90.0])
    poses = cell_poses(index, np.array([[5.0, 1.0], [1.0, 5.0]]), cells=2)
    np.testing.assert_allclose(poses.positions[:, 0], [0.5, 50.5])
    np.testing.assert_allclose(poses.rotations.magnitude(), np.radians([10, 90]), atol=1e-9)


def test_nearest_images_come_in_the_order_of_a_stable_sort():
    generator = np.random.default_rng(0)
    # many are equally near
    directions = generator.integers(-2, 3, (500, 2)).astype(float)
    index = plane_index(directions, np.zeros(500), np.zeros(500))
    looks = generator.normal(size=(20, 2))
    distances = 1.0 - index.project(looks) @ index.descriptors.T
    for count in (1, 7, 500, 900):
        rows, found = index.k_nearest(looks, count)
        np.testing.assert_array_equal(rows, np.argsort(distances, axis=1, kind="stable")[:, :count])
        np.testing.assert_array_equal(found, np.take_along_axis(distances, rows, axis=1))
    assert index.k_nearest(looks[:0], 3)[0].shape == (0, 3)

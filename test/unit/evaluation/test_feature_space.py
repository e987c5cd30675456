# SPDX-License-Identifier: BSD-3-Clause
"""The features are an image's mean colour here, so what is alike to it is known."""

import numpy as np
import pytest
from colour_bundle import colour_index, mean_colours
from helpers import write_fake_dataset

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.provenance import is_training_pose, training_rows
from camera_relocalization_ros.evaluation.feature_space import Neighbours, training_frames

COUNT = 12


def test_training_images_are_found_by_their_pose(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(COUNT,))
    poses = dataset.poses
    shuffled = np.random.default_rng(0).permutation(COUNT)[:7]
    index = RetrievalIndex.build(mean_colours(dataset)[shuffled], poses[shuffled])
    rows = training_rows(index, Poses(poses.positions, -poses.quats_xyzw))
    assert sorted(rows[rows >= 0]) == list(range(7))
    np.testing.assert_array_equal(shuffled[rows[rows >= 0]], np.flatnonzero(rows >= 0))
    np.testing.assert_array_equal(is_training_pose(index, poses), np.isin(np.arange(COUNT), shuffled))
    found = training_frames(index, [dataset])
    assert {row: frame.number for row, (_, frame) in found.items()} == dict(enumerate(shuffled))


def test_an_image_is_nearest_to_itself(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(COUNT,))
    index, poses = colour_index(dataset), dataset.poses
    found = Neighbours.from_descriptors(index, mean_colours(dataset), poses, count=5)
    assert found.rows.shape == (COUNT, 5)
    np.testing.assert_array_equal(found.rows[:, 0], np.arange(COUNT))
    np.testing.assert_allclose(found.cosine[:, 0], 0.0, atol=1e-6)
    assert (np.diff(found.cosine, axis=1) >= 0).all()
    np.testing.assert_allclose(found.metres[:, 0], 0.0, atol=1e-9)
    expected = np.linalg.norm(poses[found.rows[3, 2]].position - poses[3].position)
    assert found.metres[3, 2] == pytest.approx(expected)
    assert found.summary()["oracle_metres"] == pytest.approx(0.0, abs=1e-9)
    # more neighbours than training images
    assert Neighbours.from_descriptors(index, mean_colours(dataset), poses, count=99).rows.shape == (COUNT, COUNT)

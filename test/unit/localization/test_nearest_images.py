# SPDX-License-Identifier: BSD-3-Clause
"""The images nearest to a pose are the same with an index as without."""

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.pose import Pose, Poses
from camera_relocalization_ros.localization.landmarks import nearest_images
from camera_relocalization_ros.localization.landmarks.nearest_images import NearestImages


def test_an_index_finds_the_same_images_in_the_same_order(monkeypatch):
    rng = np.random.default_rng(2)
    poses = Poses(rng.uniform(-2, 2, (500, 3)), Rotation.random(500, random_state=2).as_quat())
    looked_for = [poses[3], Pose(np.array([40.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0]))]
    without = [NearestImages(poses)(pose, 20).tolist() for pose in looked_for]
    monkeypatch.setattr(nearest_images, "MANY_IMAGES", 100)
    assert [NearestImages(poses)(pose, 20).tolist() for pose in looked_for] == without
    assert without[0][0] == 3 and len(without[1]) == 20


def test_of_few_images_all_are_near():
    poses = Poses(np.zeros((3, 3)), np.tile([0.0, 0.0, 0.0, 1.0], (3, 1)))
    assert sorted(NearestImages(poses)(poses[0], 20).tolist()) == [0, 1, 2]

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from camera_relocalization_ros.mapping.tracks import join_matches


def test_matches_join_to_tracks_and_unmatched_features_to_none():
    # images 0, 1, 2 with two features each
    image = np.array([0, 0, 1, 1, 2, 2])
    track = join_matches(np.array([[0, 2], [2, 4], [1, 3]]), np.ones(3), image)
    assert track[0] == track[2] == track[4] >= 0
    assert track[1] == track[3] not in (-1, track[0])
    assert track[5] == -1
    assert sorted(set(track)) == [-1, 0, 1]


def test_of_matches_that_contradict_each_other_the_more_alike_counts():
    image = np.array([0, 0, 1, 1, 2])
    # 1-4 would put features 0 and 1 of image 0 in one track
    track = join_matches(np.array([[1, 4], [0, 2], [2, 4]]), np.array([0.8, 0.99, 0.9]), image)
    assert track[0] == track[2] == track[4]
    assert track[1] == -1


def test_no_matches_no_tracks():
    assert join_matches(np.empty((0, 2), dtype=np.int64), np.empty(0), np.array([0, 1])).tolist() == [-1, -1]

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

from camera_relocalization_ros.vision import matching
from camera_relocalization_ros.vision.local_features import unit_descriptors
from camera_relocalization_ros.vision.matching import NONE, mutual_matches_of_codes, mutual_matches_of_pairs

LIMITS = 0.6, 0.9


def mutual_matches(similarity, least_similarity, distance_ratio):
    """Rows, columns and cosines of the matches in a matrix, a row at a time."""
    found = []
    for row, cosines in enumerate(similarity):
        *_, second, best = np.argsort(cosines, kind="stable")
        ratio = np.sqrt(max(1 - cosines[best], 0) / max(1 - cosines[second], 1e-9))
        is_mutual = cosines[best] == similarity[:, best].max()
        if is_mutual and cosines[best] > least_similarity and ratio < distance_ratio:
            found.append((row, best, cosines[best]))
    return [np.array(column) for column in zip(*found)]


def of_all_pairs(similarity):
    rows, columns = np.nonzero(similarity > NONE)
    return mutual_matches_of_pairs(rows, columns, similarity[rows, columns], *LIMITS)


def test_matches_are_each_others_best_alike_and_distinct():
    similarity = np.array(
        [
            [0.9, 0.1, 0.0, 0.2],  # a match
            [0.8, 0.3, 0.2, 0.1],  # its best is taken by the first row
            [0.1, 0.5, 0.2, 0.0],  # not alike enough
            [0.1, 0.2, 0.85, 0.84],  # two columns as good as each other
        ]
    )
    rows, columns, cosines = of_all_pairs(similarity)
    assert (rows.tolist(), columns.tolist(), cosines.tolist()) == ([0], [0], [0.9])


@pytest.mark.parametrize("share", [0.01, 0.1, 1.0])
def test_pairs_match_as_a_matrix_does(share):
    generator = np.random.default_rng(0)
    similarity = generator.uniform(0, 1, (80, 60)) ** 0.3
    similarity[generator.random(similarity.shape) >= share] = NONE
    rows, columns = np.nonzero(similarity > NONE)
    order = generator.permutation(len(rows))
    rows, columns = rows[order], columns[order]
    found = mutual_matches_of_pairs(rows, columns, similarity[rows, columns], *LIMITS)
    expected = mutual_matches(similarity, *LIMITS)
    assert len(expected[0]) > 2
    for one, other in zip(found, expected):
        assert one.tolist() == other.tolist()


def test_of_pairs_that_are_equal_the_last_one_is_the_best():
    found = mutual_matches_of_pairs(np.array([0, 1, 0, 0]), np.array([2, 0, 1, 3]), np.array([1, 0.9, 1, 0.8]), *LIMITS)
    assert [part.tolist() for part in found] == [[0, 1], [1, 0], [1.0, 0.9]]


def test_nothing_matches_nothing():
    none = np.empty(0, dtype=np.int64)
    assert all(len(part) == 0 for part in mutual_matches_of_pairs(none, none, np.empty(0), *LIMITS))


def test_codes_compared_some_at_a_time_match_as_all_at_once(monkeypatch):
    monkeypatch.setattr(matching, "CHUNK", 17)
    generator = np.random.default_rng(3)
    others = unit_descriptors(generator.normal(size=(100, 8)))
    codes = unit_descriptors(np.concatenate([others[::2] + 0.2 * generator.normal(size=(50, 8)), others[:9]]))
    rows, columns, cosines = mutual_matches_of_codes(codes, others, *LIMITS)
    expected = mutual_matches(codes @ others.T, *LIMITS)
    assert len(rows) > 20
    assert [rows.tolist(), columns.tolist()] == [expected[0].tolist(), expected[1].tolist()]
    np.testing.assert_allclose(cosines, expected[2], atol=1e-6)
    assert not len(mutual_matches_of_codes(codes, others[:0], *LIMITS)[0])
    assert not len(mutual_matches_of_codes(codes[:0], others, *LIMITS)[0])

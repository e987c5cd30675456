# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.features.feature_cache import FeatureCache
from camera_relocalization_ros.training.samples import (
    Draw,
    OrderedDraws,
    Source,
    TrainingDraws,
    WindowSamples,
    own_rows,
)

VIEWS = 3


def cache_of(frames, first):
    """Features and poses that tell which frame and view they are of: frame number, and a tenth of the view."""
    reported = (first + np.arange(frames))[:, None] + np.arange(VIEWS) / 10
    return FeatureCache(
        np.tile(reported[..., None, None], (1, 1, 2, 4)).astype(np.float32), np.tile(reported[..., None], 7), 2
    )


@pytest.fixture
def samples():
    """Windows of two frames of a recording of 6 frames and one of 4, whose frames count from 100."""
    windows = [np.stack([np.arange(n - 1), np.arange(1, n)], axis=1) for n in (6, 4)]
    return WindowSamples([Source(cache_of(6, 0), windows[0]), Source(cache_of(4, 100), windows[1])])


def test_a_batch_has_features_and_poses_of_the_windows_and_views_asked_for(samples):
    assert len(samples) == 8
    draw = Draw(np.array([6, 0, 4]), np.array([[0, 1], [2, 0], [1, 1]]))
    cells, position, quat = samples[draw]
    expected = [[101.0, 102.1], [0.2, 1.0], [4.1, 5.1]]
    np.testing.assert_allclose(cells[:, :, 1, 3], expected, rtol=1e-6)
    np.testing.assert_allclose(position[..., 2], expected, rtol=1e-6)
    assert cells.shape == (3, 2, 2, 4) and quat.shape == (3, 2, 4)
    newest = samples[Draw(draw.windows, draw.views[:, -1:])][0]
    np.testing.assert_allclose(newest[:, 0, 0, 0], [102.1, 1.0, 5.1], rtol=1e-6)


def test_an_epoch_sees_every_window_in_every_view_once_and_the_next_in_another_order(samples):
    draws, orders = TrainingDraws(samples, 6, seed=1), []
    for epoch in (0, 1, 0):
        draws.set_epoch(epoch)
        batches = list(draws)
        assert len(batches) == len(draws) == 4
        orders.append([(w, v[-1]) for draw in batches for w, v in zip(draw.windows, draw.views)])
        assert len(set(orders[-1])) == len(samples) * VIEWS
    assert orders[0] != orders[1] and orders[0] == orders[2]


def test_some_batches_are_of_single_frames(samples):
    draws, lengths = TrainingDraws(samples, 6, seed=1), []
    for epoch in range(50):
        draws.set_epoch(epoch)
        lengths += [draw.views.shape[1] for draw in draws]
    assert set(lengths) == {1, 2} and 0.15 < lengths.count(1) / len(lengths) < 0.35


def test_processes_share_the_batch_that_one_alone_would_get(samples):
    alone = list(TrainingDraws(samples, 8, seed=2))
    shares = [list(TrainingDraws(samples, 8, seed=2, rank=rank, processes=2)) for rank in range(2)]
    for whole, *parts in zip(alone, *shares):
        assert [len(part.windows) for part in parts] == [4, 4]
        together = sorted((w, tuple(v)) for part in parts for w, v in zip(part.windows, part.views))
        assert together == sorted((w, tuple(v)) for w, v in zip(whole.windows, whole.views))


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_each_batch_has_as_much_of_each_part_and_a_process_reads_its_own_parts_alone(samples, processes):
    alone = list(TrainingDraws(samples, 8, seed=2, parts=4))
    shares = [list(TrainingDraws(samples, 8, seed=2, rank=r, processes=processes, parts=4)) for r in range(processes)]
    assert len(alone) == 3
    for whole, *parts in zip(alone, *shares):
        assert np.bincount(whole.windows // 2, minlength=4).tolist() == [2, 2, 2, 2]
        together = sorted((w, tuple(v)) for part in parts for w, v in zip(part.windows, part.views))
        assert together == sorted((w, tuple(v)) for w, v in zip(whole.windows, whole.views))
    windows = [np.stack([np.arange(n - 1), np.arange(1, n)], axis=1) for n in (6, 4)]
    for rank, draws in enumerate(shares):
        own = own_rows(windows, [7, 4], 4, rank, processes)
        for window in np.unique(np.concatenate([draw.windows for draw in draws])):
            of_set, first = (0, 0) if window < 5 else (1, 5)
            assert set(windows[of_set][window - first]) <= set(own[of_set])
    first, second = own_rows(windows, [7, 4], 2, 0, 2), own_rows(windows, [7, 4], 2, 1, 2)
    # the last frame of the first recording is in no window, and the first process sees to it
    assert [list(rows) for rows in first] == [[0, 1, 2, 3, 4, 6], []]
    assert [list(rows) for rows in second] == [[4, 5], [0, 1, 2, 3]]


def test_one_part_is_the_order_of_before_there_were_parts(samples):
    rng = np.random.default_rng([7, 0])
    expected = rng.permutation(len(samples) * VIEWS)[:6] // VIEWS
    np.testing.assert_array_equal(next(iter(TrainingDraws(samples, 6, seed=7))).windows, expected)


@pytest.mark.parametrize(
    "size, processes, parts, text",
    [
        (6, 1, 4, "batches of 6 of 8 windows cannot be taken evenly from 4 parts"),
        (8, 4, 2, "2 parts of the data cannot be shared evenly by 4 processes"),
        (64, 1, 16, "batches of 0 of 8 windows"),
    ],
)
def test_parts_that_do_not_fit_are_an_error(samples, size, processes, parts, text):
    with pytest.raises(ConfigError, match=text):
        TrainingDraws(samples, size, seed=0, processes=processes, parts=parts)


def test_a_batch_that_cannot_be_shared_is_an_error(samples):
    with pytest.raises(ConfigError, match="batches of 7 cannot be shared evenly by 2 processes"):
        TrainingDraws(samples, 7, seed=0, processes=2)


def test_fewer_samples_than_a_batch_are_one_batch(samples):
    assert [len(draw.windows) for draw in TrainingDraws(samples, 1000, seed=0)] == [24]


def test_held_out_windows_come_in_order_in_their_original_view(samples):
    draws = list(OrderedDraws(samples, batch_size=5))
    assert [list(draw.windows) for draw in draws] == [[0, 1, 2, 3, 4], [5, 6, 7]]
    assert not any(draw.views.any() for draw in draws)

# SPDX-License-Identifier: BSD-3-Clause
"""The thesis' tables that are pictures: which stretches of a test are drawn, and what is told of the data."""

from dataclasses import replace

import numpy as np
from helpers import write_fake_dataset

from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.report.figures.best_and_worst import best_and_worst, draw_best_and_worst
from camera_relocalization_ros.report.figures.sequence_examples import draw_examples


def test_the_three_best_and_worst_stretches_are_drawn(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(60, 24))
    # stretches of seven frames; the errors rise with time in the first sequence, and the second is the best of all
    position = np.concatenate([np.arange(60) / 10, np.zeros(24)])
    errors = PoseErrors(position, 2.0 * position)
    best, worst = best_and_worst(dataset, errors)
    assert [stretch.name.split(",")[0] for stretch in best] == [dataset.sequences[1].name] * 3
    for stretch in best:
        first, last = (dataset.frames[row].number for row in stretch.rows[[0, -1]])
        assert stretch.name.endswith(f", images {first} to {last}")
    assert [stretch.position_m for stretch in worst] == sorted([s.position_m for s in worst], reverse=True)
    assert worst[0].rows[-1] == 59 and worst[0].position_m == 2 * worst[0].orientation_deg / 4
    assert all(len(stretch.rows) in (7, 8) for stretch in best + worst)
    figure = draw_best_and_worst(dataset, dataset.poses, errors, "fake")
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert (
        len(titles) == 6
        and titles[0].endswith("median 0.00 m, 0.0 deg")
        and titles[1] == worst[0].title(is_metric=True)
    )


def test_a_short_test_has_no_stretch_among_both(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(3, 2, 2))
    best, worst = best_and_worst(dataset, PoseErrors(np.arange(7.0), np.arange(7.0)))
    assert [stretch.rows.tolist() for stretch in best + worst] == [[0, 1, 2], [3, 4], [5, 6]]
    alone = dataset.__class__.load(write_fake_dataset(tmp_path / "one", counts=(2,)).path)
    assert [len(some) for some in best_and_worst(alone, PoseErrors(np.zeros(2), np.zeros(2)))] == [1, 0]


def test_a_stretch_ends_where_a_split_left_frames_out(tmp_path):
    whole = write_fake_dataset(tmp_path / "set", counts=(60,))
    [sequence] = whole.sequences
    kept = replace(sequence, frames=sequence.frames[:10] + sequence.frames[40:50])
    best, worst = best_and_worst(replace(whole, sequences=(kept,)), PoseErrors(np.arange(20.0), np.arange(20.0)))
    assert len(best + worst) == 6
    for stretch in best + worst:
        assert len(set(stretch.rows < 10)) == 1, "on one side of the gap"


def test_examples_count_the_images_of_each_part(tmp_path):
    train = write_fake_dataset(tmp_path / "train", counts=(5, 4))
    test = write_fake_dataset(tmp_path / "test", counts=(3,))
    figure = draw_examples({"train": train, "test": test}, "fake")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["flight0: 5 train, 3 test", "flight1: 4 train"]
    many = write_fake_dataset(tmp_path / "many", counts=(1,) * 15)
    figure = draw_examples({"train": many}, "fake")
    assert len([axes for axes in figure.axes if axes.images]) == 12
    assert "12 of 15 sequences" in figure.get_suptitle()

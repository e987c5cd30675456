# SPDX-License-Identifier: BSD-3-Clause
"""The thesis' tables that are pictures: which stretches of a test are drawn, and what is told of the data."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import write_fake_dataset
from matplotlib.text import Text

from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.evaluation.feature_space import Neighbours
from camera_relocalization_ros.report.figures.best_and_worst import best_and_worst, draw_best_and_worst
from camera_relocalization_ros.report.figures.canvas import new_figure
from camera_relocalization_ros.report.figures.epoch_figure import draw_epoch
from camera_relocalization_ros.report.figures.error_histograms import draw_cumulative
from camera_relocalization_ros.report.figures.feature_map import FeatureMap, draw_feature_map
from camera_relocalization_ros.report.figures.neighbour_figures import draw_neighbours
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


def test_a_histogram_of_few_frames_has_steps_that_begin_at_zero():
    # a line from frame to frame would tell of shares that no frame has
    axes = new_figure(5, 4).subplots()
    draw_cumulative(axes, {"": np.array([3.0, 1.0])}, "position error [m]")
    (line,) = axes.lines
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xydata().tolist() == [[0.0, 0.0], [1.0, 0.5], [3.0, 1.0]]


@pytest.mark.parametrize("length", [10, 300])
def test_names_of_any_length_stay_within_the_pictures(tmp_path, length):
    name = ("a flight of an airframe " * 20)[:length]
    dataset = write_fake_dataset(tmp_path / "set", counts=(12, 12))
    dataset = replace(dataset, sequences=tuple(replace(s, name=f"{name} {s.name}") for s in dataset.sequences))
    errors = PoseErrors(np.arange(24.0), np.arange(24.0))
    training = {row: (name, dataset.frames[row]) for row in range(3)}
    found = Neighbours(np.array([[0, 1, 2]]), np.ones((1, 3)), np.ones((1, 3)), np.ones((1, 3)), np.ones(1))
    groups = np.array([sequence.name for sequence in dataset.sequences for _ in sequence.frames], dtype=object)
    of_features = FeatureMap(np.random.default_rng(0).random((24, 2)), dataset.poses.positions, groups == "", groups)
    for figure in (
        draw_best_and_worst(dataset, dataset.poses, errors, name),
        draw_examples({"train": dataset}, name),
        draw_neighbours({0: "a query"}, dataset.frames, found, training, name),
        draw_feature_map(of_features, name),
        draw_epoch(dataset.poses, dataset.poses, name),
    ):
        figure.canvas.draw()
        named = [text for text in figure.findobj(Text) if name[:8] in text.get_text()]
        assert named
        for text in named:
            extent = text.get_window_extent()
            assert extent.x0 >= 0 and extent.x1 <= figure.bbox.x1, text.get_text()

# SPDX-License-Identifier: BSD-3-Clause
"""Lengths of a scene of unknown scale are never called metres, whatever is drawn or told of them."""

import re
from dataclasses import replace

import numpy as np
import pytest
from helpers import fake_image_rgb, fake_trajectory, write_fake_dataset

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.evaluation.background_reliance import VARIANTS, Reliance, reliance_table
from camera_relocalization_ros.evaluation.feature_space import Neighbours
from camera_relocalization_ros.report.figures.background_figures import draw_reliance
from camera_relocalization_ros.report.figures.epoch_figure import draw_epoch
from camera_relocalization_ros.report.figures.feature_map import FeatureMap, draw_feature_map
from camera_relocalization_ros.report.figures.neighbour_figures import draw_neighbours
from camera_relocalization_ros.report.figures.sequence_examples import draw_examples

COUNT = 12
METRES = re.compile(r"\[m\]|\d (m|cm|mm)\b")
UNITS = re.compile(r"\[units\]|\d units\b")


def poses():
    return fake_trajectory(COUNT)


def epoch(_, is_metric):
    truth = Poses(poses().positions, poses().quats_xyzw)
    return draw_epoch(replace(truth, positions=truth.positions + 0.1), truth, "run", is_metric)


def examples(dataset, is_metric):
    sequences = tuple(replace(s, info={**s.info, "metric": is_metric}) for s in dataset.sequences)
    return draw_examples({"train": replace(dataset, sequences=sequences)}, "flights")


def feature_map(_, is_metric):
    groups = np.full(COUNT, "flight", dtype=object)
    return draw_feature_map(FeatureMap(np.eye(COUNT)[:, :2], poses().positions, groups == "", groups), "map", is_metric)


def neighbours(dataset, is_metric):
    found = Neighbours(np.zeros((1, 2), int), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2)), np.ones(1))
    return draw_neighbours({0: "a query"}, dataset.frames, found, {}, "alike", is_metric)


def reliance(is_metric):
    truth = np.hstack([poses().positions, poses().quats_xyzw])
    moved = {name: truth + [0.1 * row, 0, 0, 0, 0, 0, 0] for row, name in enumerate(VARIANTS)}
    return Reliance(truth, np.full(COUNT, "flight", dtype=object), moved, 0, is_metric)


def background(_, is_metric):
    return draw_reliance(reliance(is_metric), 0, {name: fake_image_rgb(1) for name in VARIANTS}, "parts")


def texts(figure):
    return "\n".join(each.get_text() for each in figure.findobj(lambda artist: hasattr(artist, "get_text")))


@pytest.mark.parametrize("draw", [epoch, examples, feature_map, neighbours, background])
def test_pictures_say_units_where_nothing_is_in_metres(draw, tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", (COUNT,))
    metric, other = (texts(draw(dataset, is_metric)) for is_metric in (True, False))
    assert METRES.search(metric) and not UNITS.search(metric)
    assert UNITS.search(other) and not METRES.search(other)


def test_the_table_of_parts_does_too():
    assert " m " in reliance_table(reliance(True)) and " units " not in reliance_table(reliance(True))
    assert " units " in reliance_table(reliance(False)) and " m " not in reliance_table(reliance(False))

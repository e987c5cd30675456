# SPDX-License-Identifier: BSD-3-Clause
"""The colour bundle's features are an image's mean colour, so what is alike to it is known."""

import csv
import json

import cv2
import numpy as np
import pytest
from colour_bundle import COLOUR_BUNDLE, known_answers, network_bytes
from helpers import write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.dataset import load_image_rgb
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.feature_space import Neighbours, training_frames
from camera_relocalization_ros.core.model_bundle import load_bundle, save_bundle
from camera_relocalization_ros.core.provenance import is_training_pose, training_rows
from camera_relocalization_ros.core.retrieval import RetrievalIndex
from camera_relocalization_ros.report.feature_map import embed

COUNT = 12


def colours_of(dataset):
    return np.array([load_image_rgb(f.image_path).reshape(-1, 3).mean(axis=0) / 255.0 for f in dataset.frames])


def index_of(dataset):
    return RetrievalIndex.build(colours_of(dataset), *dataset.positions_quats())


def test_training_images_are_found_by_their_pose(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(COUNT,))
    positions, quats = dataset.positions_quats()
    shuffled = np.random.default_rng(0).permutation(COUNT)[:7]
    index = RetrievalIndex.build(colours_of(dataset)[shuffled], positions[shuffled], quats[shuffled])
    rows = training_rows(index, positions, -quats)
    assert sorted(rows[rows >= 0]) == list(range(7))
    np.testing.assert_array_equal(shuffled[rows[rows >= 0]], np.flatnonzero(rows >= 0))
    np.testing.assert_array_equal(is_training_pose(index, positions, quats), np.isin(np.arange(COUNT), shuffled))
    found = training_frames(index, [dataset])
    assert {row: frame.number for row, (_, frame) in found.items()} == dict(enumerate(shuffled))


def test_an_image_is_most_alike_to_itself(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(COUNT,))
    index, poses = index_of(dataset), dataset.positions_quats()
    found = Neighbours.of(index, colours_of(dataset), *poses, count=5)
    assert found.rows.shape == (COUNT, 5)
    np.testing.assert_array_equal(found.rows[:, 0], np.arange(COUNT))
    np.testing.assert_allclose(found.cosine[:, 0], 0.0, atol=1e-6)
    assert (np.diff(found.cosine, axis=1) >= 0).all()
    np.testing.assert_allclose(found.metres[:, 0], 0.0, atol=1e-9)
    expected = np.linalg.norm(poses[0][found.rows[3, 2]] - poses[0][3])
    assert found.metres[3, 2] == pytest.approx(expected)
    assert found.summary()["oracle_metres"] == pytest.approx(0.0, abs=1e-9)
    # more neighbours than training images
    assert Neighbours.of(index, colours_of(dataset), *poses, count=99).rows.shape == (COUNT, COUNT)


def test_groups_that_look_alike_lie_together_on_the_map():
    rng = np.random.default_rng(0)
    centres = np.eye(8)[:3]
    groups = np.repeat(np.arange(3), 20)
    features = centres[groups] + rng.normal(0, 0.05, (60, 8))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    points = embed(features)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(60)
    assert (groups[distances.argmin(axis=1)] == groups).all()
    np.testing.assert_array_equal(points, embed(features))
    with pytest.raises(ConfigError, match="9 images"):
        embed(features[:9])


def test_command(tmp_path, capsys):
    train = write_fake_dataset(tmp_path / "train", counts=(COUNT,))
    write_fake_dataset(tmp_path / "query", counts=(6, 5))
    sidecar = load_bundle(COLOUR_BUNDLE).sidecar
    save_bundle(tmp_path / "bundle", sidecar, network_bytes(), index_of(train), known_answers())
    command = ["features", str(tmp_path / "bundle"), str(tmp_path / "query"), "-o", str(tmp_path / "out")]
    shown = ["--train", str(tmp_path / "train"), "--frames", "3", "--worst", "1", "--nearest", "2"]
    assert main([*command, *shown]) == 0
    told = json.loads((tmp_path / "out" / "features.json").read_text())
    assert (told["images"], told["training_images"], told["training_images_found"]) == (11, COUNT, COUNT)
    # both flights are flown as the training's was
    assert told["oracle_metres"] == pytest.approx(0.0, abs=1e-6)
    lines = list(csv.DictReader((tmp_path / "out" / "feature_map.csv").read_text().splitlines()))
    assert [line["set"] for line in lines] == ["training"] * COUNT + ["query"] * 11
    assert {line["sequence"] for line in lines} == {"flight0", "flight1"}
    for name in ("feature_map.png", "nearest.png"):
        assert cv2.imread(str(tmp_path / "out" / name)).size > 100_000
    assert main([*command, "--frames", "11"]) == 1
    assert "--frames 11" in capsys.readouterr().err
    # without the training data there are poses, but no pictures of it
    assert main([*command, "--worst", "1"]) == 0
    assert f"0 of {COUNT} training images found" in capsys.readouterr().out

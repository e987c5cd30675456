# SPDX-License-Identifier: BSD-3-Clause
"""The colour bundle's features are an image's mean colour, so what is alike to it is known."""

import csv
import json

import cv2
import numpy as np
import pytest
from colour_bundle import COLOUR_BUNDLE, colour_index, network_bytes, reference_outputs
from helpers import write_fake_dataset

from camera_relocalization_ros.bundle.model_bundle import load_bundle, save_bundle
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.report.figures.feature_map import embed

COUNT = 12


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
    save_bundle(tmp_path / "bundle", sidecar, network_bytes(), colour_index(train), reference_outputs())
    command = ["features", str(tmp_path / "bundle"), str(tmp_path / "query"), "-o", str(tmp_path / "out")]
    shown = ["--train", str(tmp_path / "train"), "--frames", "3", "--worst", "1", "--nearest", "2"]
    assert main([*command, *shown]) == 0
    reported = json.loads((tmp_path / "out" / "features.json").read_text())
    assert (reported["images"], reported["training_images"], reported["training_images_found"]) == (11, COUNT, COUNT)
    # both flights are flown as the training's was
    assert reported["oracle_metres"] == pytest.approx(0.0, abs=1e-6)
    lines = list(csv.DictReader((tmp_path / "out" / "feature_map.csv").read_text().splitlines()))
    assert [line["set"] for line in lines] == ["training"] * COUNT + ["query"] * 11
    assert {line["sequence"] for line in lines} == {"flight0", "flight1"}
    for name in ("feature_map.png", "nearest.png"):
        assert cv2.imread(str(tmp_path / "out" / name)).size > 100_000
    assert main([*command, "--overwrite", "--frames", "11"]) == 1
    assert "--frames 11" in capsys.readouterr().err
    # without the training data there are poses, but no pictures of it
    assert main([*command, "--overwrite", "--worst", "1"]) == 0
    assert f"0 of {COUNT} training images found" in capsys.readouterr().out

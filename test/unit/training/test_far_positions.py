# SPDX-License-Identifier: BSD-3-Clause
"""Positions far from zero, as in UTM: errors are those of the same flight at home."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers import fake_trajectory, write_fake_dataset

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.core.errors import BundleError, ConfigError, DatasetError
from camera_relocalization_ros.core.geometry import position_origin
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.provenance import is_training_pose
from camera_relocalization_ros.evaluation.evaluate import evaluate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.training.export import export
from camera_relocalization_ros.training.run_folder import load_run
from camera_relocalization_ros.training.train import train

UTM_M = np.array([388096.25, 5548996.5, 130.0])


@pytest.mark.parametrize(
    ("by", "expected"),
    [(np.zeros(3), [0, 0, 0]), (np.array([5.0, -9.0, 2.0]), [0, 0, 0]), (UTM_M, [388097, 5548997, 131])],
)
def test_the_origin_is_zero_in_rooms_and_whole_metres_far_away(by, expected):
    positions = fake_trajectory(20).positions
    assert position_origin(positions + by).tolist() == expected


def test_the_data_set_keeps_positions_whole_and_says_the_origin(tmp_path):
    near = write_fake_dataset(tmp_path / "near")
    far = write_fake_dataset(tmp_path / "far", offset_m=UTM_M)
    assert "position_origin" not in yaml.safe_load((tmp_path / "near" / "dataset.yaml").read_text())
    assert (
        yaml.safe_load((tmp_path / "far" / "dataset.yaml").read_text())["position_origin"]
        == far.position_origin.tolist()
    )
    np.testing.assert_array_equal(far.poses.positions, near.poses.positions + UTM_M)
    assert not near.position_origin.any() and np.abs(far.poses.positions - far.position_origin).max() < 2


def test_an_older_data_set_far_away_has_an_origin_too(tmp_path):
    far = write_fake_dataset(tmp_path / "far", offset_m=UTM_M)
    path = tmp_path / "far" / "dataset.yaml"
    path.write_text(path.read_text().replace("position_origin:", "unknown_key:"))
    assert Dataset.load(tmp_path / "far").position_origin.tolist() == far.position_origin.tolist()
    path.write_text(path.read_text().replace("unknown_key:", "position_origin: [1, 2]\nunknown_key:"))
    with pytest.raises(DatasetError, match="position_origin"):
        Dataset.load(tmp_path / "far")


def trained(folder: Path, dataset: Dataset, config) -> Relocalizer:
    train([dataset], config, folder / "run", val_datasets=[dataset])
    export(load_run(folder / "run"), folder / "bundle")
    return Relocalizer.from_bundle(folder / "bundle")


@pytest.mark.parametrize("head", ["regressor", "temporal_gru"])
def test_errors_do_not_know_how_far_away_the_place_is(tmp_path, toy_config, head):
    config = toy_config(head)
    found = {}
    for name, offset_m in (("near", np.zeros(3)), ("far", UTM_M)):
        dataset = write_fake_dataset(tmp_path / name / "set", counts=(16,), offset_m=offset_m)
        relocalizer = trained(tmp_path / name, dataset, config)
        found[name] = evaluate(relocalizer, dataset)
        assert is_training_pose(relocalizer.bundle.index, dataset.poses).all()
    for baseline in found["near"].baselines:
        near, far = (found[name].baselines[baseline].position_m for name in ("near", "far"))
        np.testing.assert_allclose(far, near, atol=1e-6, err_msg=baseline)
    np.testing.assert_allclose(found["far"].errors.position_m, found["near"].errors.position_m, atol=1e-6)
    positions = {name: np.array([e.position for e in found[name].estimates]) for name in found}
    np.testing.assert_allclose(positions["far"] - UTM_M, positions["near"], atol=1e-6)
    indicators = {name: found[name].estimates[3].indicators for name in found}
    assert indicators["far"] == pytest.approx(indicators["near"], rel=1e-3, abs=1e-5)


def test_the_origin_goes_from_the_run_into_the_bundle_and_is_checked(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set", offset_m=UTM_M)
    relocalizer = trained(tmp_path, dataset, toy_config(optimiser={"epochs": 1}))
    sidecar = yaml.safe_load((tmp_path / "bundle" / "bundle.yaml").read_text())
    # readers of version 3 would take the positions for whole
    assert sidecar["version"] == 4 and sidecar["position_origin"] == dataset.position_origin.tolist()
    np.testing.assert_allclose(sidecar["training_range"]["min"], dataset.poses.positions.min(axis=0), atol=1e-6)
    assert relocalizer.bundle.index.poses.positions.dtype == np.float64
    for folder, file, error in (("run", "run.yaml", ConfigError), ("bundle", "bundle.yaml", BundleError)):
        path = tmp_path / folder / file
        text = path.read_text()
        values = yaml.safe_load(text)
        path.write_text(yaml.safe_dump({**values, "position_origin": [1.0, 2.0]}))
        with pytest.raises(error, match="position_origin"):
            (load_run if folder == "run" else load_bundle)(tmp_path / folder)
        path.write_text(text)

# SPDX-License-Identifier: BSD-3-Clause
"""Real processes: a training that is killed and taken up again, and one that two processes share."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers import OWN_PROCESS, write_fake_dataset
from mesh_files import write_box_ply

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.run_folder import Run, load_run
from camera_relocalization_ros.training.train import train

COLUMNS = ("train_loss", "val_loss", "val_position_m", "weighting.s_position", "weighting.s_orientation")
PROGRAM = Path(__file__).parents[2] / "support" / "train_toy.py"


def epochs(run_folder):
    with open(run_folder / "epochs.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def command(recipe, dataset, run, cache, *prefix):
    return [*(prefix or (sys.executable,)), str(PROGRAM), str(recipe), str(dataset.path), str(run), str(cache)]


def write_recipe(path, config):
    path.write_text(yaml.safe_dump(config.to_dict()), encoding="utf-8")
    return path


def state(run_folder):
    return load_run(run_folder).pose_head.state_dict()


@pytest.mark.parametrize(
    "head, changes",
    [
        ("temporal_gru", {"ema_decay": 0.9}),
        ("regressor", {"schedule": "plateau", "plateau_patience": 1, "patience": 6, "name": "adam"}),
    ],
)
def test_killed_in_mid_epoch_and_taken_up_again_gives_the_same_weights(tmp_path, toy_config, head, changes):
    dataset = write_fake_dataset(tmp_path / "set", counts=(40, 30))
    config = toy_config(head, optimiser={"epochs": 6, **changes})
    recipe = write_recipe(tmp_path / "recipe.yaml", config)
    train([dataset], config, tmp_path / "whole", val_datasets=[dataset], cache_folder=tmp_path / "cache")

    waiting = tmp_path / "waiting"
    killed = command(recipe, dataset, tmp_path / "killed", tmp_path / "cache")
    training = subprocess.Popen([*killed, "3", str(waiting)], env=OWN_PROCESS)
    try:
        deadline = time.monotonic() + 120
        while not waiting.is_file():
            assert time.monotonic() < deadline and training.poll() is None, "it should be training"
            time.sleep(0.01)
    finally:
        training.kill()
        training.wait()
    assert len(epochs(tmp_path / "killed")) == 3
    assert not (tmp_path / "killed/run.yaml").exists()

    other = toy_config(head, optimiser={"epochs": 7, **changes})
    with pytest.raises(ConfigError, match="interrupted training of another recipe"):
        train([dataset], other, tmp_path / "killed", val_datasets=[dataset], cache_folder=tmp_path / "other_cache")
    assert not (tmp_path / "other_cache").exists()
    train([dataset], config, tmp_path / "killed", val_datasets=[dataset], cache_folder=tmp_path / "cache")
    whole, resumed = state(tmp_path / "whole"), state(tmp_path / "killed")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert epochs(tmp_path / "whole") == epochs(tmp_path / "killed")
    assert not (tmp_path / "killed/checkpoints").exists()


@pytest.mark.parametrize(
    "changes", [{"epochs": 3}, {"epochs": 300, "patience": 2, "schedule": "plateau", "learning_rate": 3e-2}]
)
def test_killed_after_the_last_epoch_nothing_is_trained_again(tmp_path, toy_config, monkeypatch, changes):
    dataset, other = write_fake_dataset(tmp_path / "set"), write_fake_dataset(tmp_path / "other", counts=(1, 12))
    config = toy_config(optimiser=changes)

    def train_into(folder):
        return train([dataset], config, tmp_path / folder, val_datasets=[other], cache_folder=tmp_path / "cache")

    def killed(*_):
        raise KeyboardInterrupt

    whole = train_into("whole")
    with monkeypatch.context() as killing:
        killing.setattr(Run, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train_into("killed")
    resumed = train_into("killed")
    for results in (whole.results, resumed.results):
        del results["caching_s"], results["training_s"]
    assert resumed.results == whole.results and {"train_loss", "val_loss"} <= set(whole.results)
    assert whole.results["epochs"] < 300
    assert epochs(tmp_path / "whole") == epochs(tmp_path / "killed")
    assert all(
        torch.equal(value, state(tmp_path / "killed")[name]) for name, value in state(tmp_path / "whole").items()
    )


def test_a_mesh_may_lie_elsewhere_when_a_training_is_taken_up_again(tmp_path, toy_config, monkeypatch):
    dataset, mesh = write_fake_dataset(tmp_path / "set"), write_box_ply(tmp_path / "box.ply")

    def train_with(mesh):
        config = toy_config(augmentation={"object_mesh": str(mesh), "views": 2})
        return train([dataset], config, tmp_path / "run", cache_folder=tmp_path / "cache")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as killing:
        killing.setattr(Run, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train_with(mesh)
    with pytest.raises(ConfigError, match="interrupted training of another recipe or other data"):
        train_with(write_box_ply(tmp_path / "other.ply", size=0.7))
    assert train_with(mesh.rename(tmp_path / "moved.ply")).results["epochs"] == 3


@pytest.mark.parametrize("parts", [2])  # with one the draws are shared, see test_samples.py
def test_two_processes_train_as_one_does(parts, tmp_path, toy_config, without_gpu):
    without_gpu()
    dataset = write_fake_dataset(tmp_path / "set", counts=(40, 30))
    config = toy_config("temporal_gru", optimiser={"epochs": 3, "ema_decay": 0.9, "parts": parts})
    recipe = write_recipe(tmp_path / "recipe.yaml", config)
    train([dataset], config, tmp_path / "one", val_datasets=[dataset], cache_folder=tmp_path / "cache")
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    shared = command(recipe, dataset, tmp_path / "two", tmp_path / "new_cache", *torchrun)
    # as many GPUs as processes are not to be had
    subprocess.run(shared, check=True, env={**OWN_PROCESS, "CUDA_VISIBLE_DEVICES": ""}, timeout=300)

    one, two = ([[float(row[name]) for name in COLUMNS] for row in epochs(tmp_path / run)] for run in ("one", "two"))
    assert len(one) == 3
    np.testing.assert_allclose(two, one, rtol=2e-4, atol=2e-5)
    weights_one, weights_two = state(tmp_path / "one"), state(tmp_path / "two")
    assert max(float((weights_one[name] - weights_two[name]).abs().max()) for name in weights_one) < 1e-4

# SPDX-License-Identifier: BSD-3-Clause
"""A damaged checkpoint is said and set aside, and the training has a way on."""

import lightning
import pytest
import torch
from helpers import write_fake_dataset

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.run_folder import load_run
from camera_relocalization_ros.training.train import train


class StoppedError(Exception):
    pass


class StopBefore(lightning.Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            raise StoppedError


def cut(path):
    path.write_bytes(path.read_bytes()[:-500])


def of_another_network(path):
    values = torch.load(path, weights_only=True)
    values["state_dict"] = {name: torch.zeros(3) for name in values["state_dict"]}
    torch.save(values, path)


def of_another_program(path):
    torch.save({"epoch": 3}, path)


def weights(run):
    return list(load_run(run).pose_head.state_dict().values())


@pytest.fixture
def job(tmp_path, toy_config):
    dataset, config = write_fake_dataset(tmp_path / "set"), toy_config(optimiser={"epochs": 4})

    def start(name, *callbacks):
        return train([dataset], config, tmp_path / name, cache_folder=tmp_path / "cache", callbacks=callbacks)

    start("whole")
    with pytest.raises(StoppedError):
        start("run", StopBefore(3))
    return start


@pytest.mark.parametrize("damage", [cut, of_another_network, of_another_program])
def test_training_goes_on_from_the_epoch_before_a_damaged_checkpoint(tmp_path, job, caplog, damage):
    damage(tmp_path / "run" / "checkpoints" / "last.ckpt")
    job("run")
    assert "last.ckpt: a damaged checkpoint (" in caplog.text
    assert "set aside as last.ckpt.damaged" in caplog.text
    assert all(map(torch.equal, weights(tmp_path / "run"), weights(tmp_path / "whole")))


def test_where_no_checkpoint_is_whole_the_same_command_starts_anew(tmp_path, job):
    for name in ("last.ckpt", "last.ckpt.before"):
        cut(tmp_path / "run" / "checkpoints" / name)
    with pytest.raises(ConfigError, match="there is no other: the same command now starts anew"):
        job("run")
    job("run")
    assert all(map(torch.equal, weights(tmp_path / "run"), weights(tmp_path / "whole")))

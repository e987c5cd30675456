# SPDX-License-Identifier: BSD-3-Clause
import pytest
import torch
from toy_backbone import ToyBackbone

from camera_relocalization_ros.training.backbones import BACKBONES
from camera_relocalization_ros.training.config import config_from_dict

# toy networks gain nothing from threads, and threads that wait for each other lose much on a busy machine
torch.set_num_threads(1)

SMALL = ("cell_channels", "lstm_hidden", "gru_hidden")


@pytest.fixture
def toy_config(monkeypatch):
    """Function of a head's name and optional changes: a recipe with the toy backbone that trains in seconds."""
    monkeypatch.setitem(BACKBONES, "toy", ToyBackbone)

    def make(head_name="regressor", **changes):
        values = {
            "backbone": "toy",
            # whatever the machine multiplies fastest, tests compare digits
            "precision": "32",
            "head": {
                "name": head_name,
                "members": 2,
                "cell_channels": 16,
                "hidden": 64,
                "lstm_hidden": 16,
                "gru_hidden": 16,
            },
            "augmentation": {"views": 1},
            "optimiser": {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3, "ema_decay": 0.0},
        }
        for section, keys in changes.items():
            values[section] = {**values.get(section, {}), **keys} if isinstance(keys, dict) else keys
        return config_from_dict(values, "test")

    return make


@pytest.fixture
def without_gpu(monkeypatch):
    """Function after which PyTorch and Lightning find no GPU, as on most machines."""

    def hide():
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)

    return hide

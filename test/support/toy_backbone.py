# SPDX-License-Identifier: BSD-3-Clause
"""A backbone of a few weights, so that tests of training need neither download nor patience."""

from __future__ import annotations

import torch
from torch import nn

from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.backbones.weights import WeightsFile


class ToyBackbone(Backbone):
    """Two strided convolutions: (b, h, w, 3) -> (b, 16, h / 4, w / 4)."""

    name = "toy"
    feature_channels = 16
    input_width = 32
    cut_layer = "first"
    cut_channels = 8
    tail_layers = ("second",)
    weights = WeightsFile(module="none", file="none", sha256="none", licence="BSD-3-Clause", install="nothing")

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Conv2d(8, self.feature_channels, 3, 2, 1)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3

    def trunk(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.first(image_bhw3.permute(0, 3, 1, 2).float() / 127.5 - 1.0))

    def tail(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(x_bchw))

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return self.tail(self.trunk(image_bhw3))

    def load_pretrained(self) -> None:
        """Its weights are drawn with a fixed seed."""

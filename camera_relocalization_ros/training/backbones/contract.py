# SPDX-License-Identifier: BSD-3-Clause
"""What a backbone must offer."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.backbones.weights import (
    DrawnWeights,
    FileWeights,
    load_into,
    read_state_dict,
)


class Backbone(nn.Module):
    """A pretrained CNN without its classifier.

    `forward` takes images (b, h, w, 3) with values 0..255 in RGB order, normalises them as the weights expect,
    and returns the last feature map (b, feature_channels, h', w').
    It is tail(trunk(image)): below `cut_layer` it stays frozen, `tail_layers` and what follows may be fine-tuned.
    The cut layer's output (b, cut_channels, h'', w'') may be read beside the last map.
    `dropped` are the beginnings of the names in a weights file that belong to classifiers and auxiliary heads.
    One that `subtracts_mean` of the images it was trained on may take another mean in its place.
    """

    name: str
    feature_channels: int
    input_width: int
    weights: FileWeights | DrawnWeights
    cut_layer: str = ""
    cut_channels: int = 0
    tail_layers: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    subtracts_mean: bool = False

    def trunk(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        """Output of the cut layer (b, c, h', w'); of the whole network where it has no tail."""
        return self(image_bhw3)

    def tail(self, x_bchw: torch.Tensor) -> torch.Tensor:
        """The last feature map from the trunk's output."""
        return x_bchw

    def set_mean(self, mean_rgb: tuple[float, ...]) -> None:
        """Subtract this colour (3,), 0..255, from now on; raises ConfigError where there is no mean to replace."""
        raise ConfigError(
            f"backbone {self.name} scales its input and subtracts no mean of images; expected no image.channel_mean_rgb"
        )

    def unfreeze_tail(self) -> list[nn.Parameter]:
        """Let gradients reach the tail alone; returns its parameters."""
        self.requires_grad_(False)
        tail = [getattr(self, layer).requires_grad_(True) for layer in self.tail_layers]
        return [parameter for module in tail for parameter in module.parameters()]

    def train(self, mode: bool = True) -> Backbone:
        """As nn.Module's, but batch norms keep the published statistics.

        The batches of fine-tuning are small and of one place; what is flown normalises as it was trained to.
        """
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def published_names(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A weights file's tensors by the names of this class; here they are the same."""
        return state

    def load_pretrained(self) -> None:
        """Load the published weights, or draw them; raises ConfigError that says what to download or install."""
        if isinstance(self.weights, DrawnWeights):
            draw_weights(self)
        else:
            state = self.published_names(read_state_dict(self.weights, self))
            load_into(self, state, self.weights.path())


def draw_weights(backbone: Backbone, seed: int = 0) -> None:
    """Weights after He et al. 2015, the same at every call, so that an exported network is the trained one."""
    generator = torch.Generator().manual_seed(seed)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

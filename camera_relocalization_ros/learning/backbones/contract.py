# SPDX-License-Identifier: BSD-3-Clause
"""What a backbone must offer, and how its weights are found and checked."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights inside an installed Python package."""

    module: str
    file: str
    sha256: str
    licence: str
    install: str

    def path(self) -> Path:
        """Where the file lies; raises ConfigError when the package is not installed."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.origin:
            raise ConfigError(f"weights package {self.module} is not installed; run: {self.install}")
        return Path(spec.origin).parent / self.file


class Backbone(nn.Module):
    """A pretrained CNN without its classifier.

    `forward` takes images (b, h, w, 3) with values 0..255 in RGB order, normalises them as the weights expect,
    and returns the last feature map (b, feature_channels, h', w').
    """

    name: str
    feature_channels: int
    input_width: int
    weights: WeightsFile

    def load_pretrained(self) -> None:
        """Load the published weights; raises ConfigError that says what to install."""
        raise NotImplementedError


def load_state_dict(weights: WeightsFile) -> dict[str, torch.Tensor]:
    """The tensors of a weights file, after its checksum was compared; no code in it is run."""
    path = weights.path()
    if not path.is_file():
        raise ConfigError(f"{path}: weights file is missing; run: {weights.install}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != weights.sha256:
        raise ConfigError(f"{path}: sha256 {found}; expected {weights.sha256}; run: {weights.install}")
    return torch.load(path, map_location="cpu", weights_only=True)

# SPDX-License-Identifier: BSD-3-Clause
"""What a backbone must offer, and how its weights are found and checked."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
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


@dataclass(frozen=True)
class LocalWeights:
    """A file that the user puts into the weights folder; NAME.sha256 beside it, where there is one, must agree.

    `sha256` may be the first digits of the digest, as in the names of published files; empty: not published.
    """

    file: str
    licence: str
    install: str
    sha256: str = ""

    def path(self) -> Path:
        """Where the file is looked for."""
        return weights_folder() / self.file

    def checksum(self) -> str:
        """First digits of the expected digest; empty when nobody said what to expect."""
        beside = Path(f"{self.path()}.sha256")
        words = beside.read_text(encoding="utf-8").split() if beside.is_file() else []
        return words[0] if words else self.sha256


def weights_folder() -> Path:
    """RELOC_WEIGHTS, else ~/.cache/camera_relocalization_ros/weights."""
    return Path(os.environ.get("RELOC_WEIGHTS") or Path.home() / ".cache/camera_relocalization_ros/weights")


class Backbone(nn.Module):
    """A pretrained CNN without its classifier.

    `forward` takes images (b, h, w, 3) with values 0..255 in RGB order, normalises them as the weights expect,
    and returns the last feature map (b, feature_channels, h', w').
    It is tail(trunk(image)): below `cut_layer` it stays frozen, `tail_layers` and what follows may be fine-tuned.
    """

    name: str
    feature_channels: int
    input_width: int
    weights: WeightsFile | LocalWeights
    cut_layer: str = ""
    tail_layers: tuple[str, ...] = ()

    def trunk(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        """Output of the cut layer (b, c, h', w'); of the whole network where it has no tail."""
        return self(image_bhw3)

    def tail(self, x_bchw: torch.Tensor) -> torch.Tensor:
        """The last feature map from the trunk's output."""
        return x_bchw

    def unfreeze_tail(self) -> list[nn.Parameter]:
        """Let gradients reach the tail alone; returns its parameters."""
        self.requires_grad_(False)
        tail = [getattr(self, layer).requires_grad_(True) for layer in self.tail_layers]
        return [parameter for module in tail for parameter in module.parameters()]

    def load_pretrained(self) -> None:
        """Load the published weights; raises ConfigError that says what to install."""
        raise NotImplementedError


def load_state_dict(weights: WeightsFile | LocalWeights) -> dict[str, torch.Tensor]:
    """The tensors of a weights file, after its checksum was compared; no code in it is run."""
    path = weights.path()
    if not path.is_file():
        raise ConfigError(f"{path}: weights file is missing; {_how(weights)}")
    expected = weights.checksum() if isinstance(weights, LocalWeights) else weights.sha256
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(expected):
        raise ConfigError(f"{path}: sha256 {found}; expected {expected}; {_how(weights)}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ConfigError(f"{path}: not a file of torch weights; {_how(weights)}") from error


def load_into(backbone: Backbone, dropped: tuple[str, ...] = ()) -> None:
    """Give the backbone its weights; keys that begin with one of `dropped` (classifier, auxiliary heads) are left out.

    Raises ConfigError that names the keys or shapes that do not fit.
    """
    state = load_state_dict(backbone.weights)
    if not isinstance(state, dict):
        raise ConfigError(f"{backbone.weights.path()}: holds {type(state).__name__}; expected named tensors")
    state = {key: value for key, value in state.items() if not key.startswith(dropped)}
    try:
        backbone.load_state_dict(state)
    except RuntimeError as error:
        details = "; ".join(line.strip() for line in str(error).splitlines()[1:])[:400]
        raise ConfigError(f"{backbone.weights.path()}: weights do not fit {backbone.name}: {details}") from error


def draw_weights(backbone: Backbone, seed: int = 0) -> None:
    """Weights after He et al. 2015, the same at every call, so that an exported network is the trained one."""
    generator = torch.Generator().manual_seed(seed)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _how(weights: WeightsFile | LocalWeights) -> str:
    return weights.install if isinstance(weights, LocalWeights) else f"run: {weights.install}"

# SPDX-License-Identifier: BSD-3-Clause
"""What a layer answers to an image, and an image that one of its channels answers most to (thesis 2.3.3)."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import torch
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.backbones.contract import Backbone

# of the ascent: steps, grey levels a step, and what a grey level of difference between neighbours costs
STEPS, STEP_LEVELS, ROUGHNESS = 96, 4.0, 0.02
# the start: grey with so much noise, or a rectified channel may have no slope at all
GREY, NOISE_SD = 127.5, 15.0


def default_layers(backbone: Backbone) -> list[str]:
    """The first convolution, and the last layer that may be fine-tuned where there is one."""
    first = next(name for name, module in backbone.named_modules() if isinstance(module, nn.Conv2d))
    return list(dict.fromkeys([first, *backbone.tail_layers[-1:]]))


def activations(backbone: Backbone, image_rgb: np.ndarray, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """Layer -> its output (c, h', w') for the network's input (h, w, 3); raises ConfigError for an unknown layer."""
    image_1hw3 = torch.from_numpy(image_rgb).float()[None]
    with torch.no_grad():
        return {name: _response(backbone, image_1hw3, name)[0].numpy() for name in layers}


def strongest(maps_chw: np.ndarray, count: int) -> np.ndarray:
    """Channels (n,) of the largest mean answer, the largest first."""
    return np.argsort(-maps_chw.mean(axis=(1, 2)), kind="stable")[:count]


def maximising_images(
    backbone: Backbone, layer: str, channels: Sequence[int], width: int, height: int, steps: int = STEPS
) -> np.ndarray:
    """Images (n, height, width, 3) uint8 that climb, from grey noise, to a large mean answer of each channel.

    Neighbouring pixels are held alike, or what comes out is noise that only the network sees. Always the same images.
    Raises ConfigError for an unknown layer.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start_1hw3 = (GREY + NOISE_SD * torch.randn(1, height, width, 3)).clamp(0, 255)
    with torch.no_grad():
        # what a channel's answers are measured in
        unit_n = _response(backbone, start_1hw3, layer)[0, list(channels)].abs().mean(dim=(1, 2))
        unit_n[unit_n == 0] = 1.0
    image_nhw3 = start_1hw3.repeat(len(unit_n), 1, 1, 1).requires_grad_()
    optimiser = torch.optim.Adam([image_nhw3], lr=STEP_LEVELS)
    for _ in range(steps):
        optimiser.zero_grad()
        answer_n = _response(backbone, image_nhw3, layer)[range(len(unit_n)), list(channels)].mean(dim=(1, 2)) / unit_n
        rough = sum(image_nhw3.diff(dim=axis).abs().mean(dim=(1, 2, 3)) for axis in (1, 2))
        (ROUGHNESS * rough - answer_n).sum().backward()
        optimiser.step()
        with torch.no_grad():
            image_nhw3.clamp_(0, 255)
    return image_nhw3.detach().round().to(torch.uint8).numpy()


def _response(backbone: Backbone, image_bhw3: torch.Tensor, layer: str) -> torch.Tensor:
    """Output (b, c, h', w') of a layer by its name in the backbone."""
    found: list[torch.Tensor] = []
    modules = dict(backbone.named_modules())
    if not layer or layer not in modules:
        known = ", ".join(name for name in modules if name and name.count(".") < 2)
        raise ConfigError(f"no layer {layer!r} in backbone {backbone.name}; known: {known}")
    hook = modules[layer].register_forward_hook(lambda _module, _inputs, output: found.append(output))
    try:
        backbone(image_bhw3)
    finally:
        hook.remove()
    if not found or found[0].dim() != 4:
        raise ConfigError(f"layer {layer!r} of backbone {backbone.name} has no maps; expected one with channels")
    return found[0]

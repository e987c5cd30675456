# SPDX-License-Identifier: BSD-3-Clause
"""Pretrained CNNs by name; a new one is one file that keeps contract.Backbone and one line here."""

from __future__ import annotations

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.learning.backbones.contract import Backbone
from camera_relocalization_ros.learning.backbones.efficientnet_lite0 import EfficientNetLite0

BACKBONES = {backbone.name: backbone for backbone in (EfficientNetLite0,)}


def build_backbone(name: str, pretrained: bool = True) -> Backbone:
    """The backbone in evaluation mode; raises ConfigError that lists the known names."""
    if name not in BACKBONES:
        raise ConfigError(f"no backbone {name!r}; known: {', '.join(sorted(BACKBONES))}")
    backbone = BACKBONES[name]()
    if pretrained:
        backbone.load_pretrained()
    return backbone.eval().requires_grad_(False)

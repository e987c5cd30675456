# SPDX-License-Identifier: BSD-3-Clause
"""Pretrained CNNs by name; a new one is one file that keeps contract.Backbone and one line here."""

from __future__ import annotations

from camera_relocalization_ros.core.errors import ConfigError, unknown_name
from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.backbones.efficientnet_lite0 import EfficientNetLite0
from camera_relocalization_ros.training.backbones.googlenet import (
    GoogLeNetImageNet,
    GoogLeNetPlaces365,
    GoogLeNetRandom,
)
from camera_relocalization_ros.training.backbones.inception_resnet_v2 import (
    InceptionResNetV2ImageNet,
    InceptionResNetV2Random,
)
from camera_relocalization_ros.training.backbones.vgg16 import Vgg16Hybrid1365, Vgg16ImageNet, Vgg16Random

CLASSES = (
    EfficientNetLite0,
    GoogLeNetImageNet,
    GoogLeNetPlaces365,
    GoogLeNetRandom,
    InceptionResNetV2ImageNet,
    InceptionResNetV2Random,
    Vgg16Hybrid1365,
    Vgg16ImageNet,
    Vgg16Random,
)
BACKBONES = {backbone.name: backbone for backbone in CLASSES}


def build_backbone(name: str, pretrained: bool = True, mean_rgb: tuple[float, ...] = ()) -> Backbone:
    """The backbone in evaluation mode; raises ConfigError that lists the known names.

    mean_rgb: the colour (3,), 0..255, that it subtracts, where that is another than its weights' publishers'.
    """
    if name not in BACKBONES:
        raise ConfigError(unknown_name("backbone", name, sorted(BACKBONES)))
    backbone = BACKBONES[name]()
    if mean_rgb:
        backbone.set_mean(mean_rgb)
    if pretrained:
        backbone.load_pretrained()
    return backbone.eval().requires_grad_(False)

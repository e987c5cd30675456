# SPDX-License-Identifier: BSD-3-Clause
"""VGG16's convolutions (Simonyan & Zisserman 2015, configuration D): one network, weights of two origins.

Both are fed otherwise: Caffe's with BGR minus a mean, torchvision's with RGB divided by a spread.
"""

from __future__ import annotations

import torch
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.backbones.caffe_layers import CaffeInput, ConvRelu, max_pool
from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.backbones.weights import DrawnWeights, LocalWeights

# output channels and number of convolutions between two poolings
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


class Vgg16(Backbone):
    """Image in, last feature map (pool5) out: (b, h, w, 3) -> (b, 512, h / 32, w / 32), rounded up."""

    feature_channels = 512
    input_width = 224
    cut_layer = "pool4"
    cut_channels = 512
    tail_layers = ("conv5_1", "conv5_2", "conv5_3")
    subtracts_mean = True

    def __init__(self) -> None:
        super().__init__()
        self.input: CaffeInput | TorchvisionInput = CaffeInput((104.006, 116.669, 122.679))
        self.pool = max_pool(2, 2)
        c_in = 3
        for stage, (c_out, convolutions) in enumerate(STAGES, start=1):
            for index in range(1, convolutions + 1):
                self.add_module(f"conv{stage}_{index}", ConvRelu(c_in, c_out, 3))
                c_in = c_out

    def trunk(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        x_bchw = self.input(image_bhw3)
        for stage in (1, 2, 3, 4):
            x_bchw = self._stage(stage, x_bchw)
        return x_bchw

    def tail(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return self._stage(5, x_bchw)

    def set_mean(self, mean_rgb: tuple[float, ...]) -> None:
        self.input.set_mean(mean_rgb)

    def _stage(self, stage: int, x_bchw: torch.Tensor) -> torch.Tensor:
        _, convolutions = STAGES[stage - 1]
        for index in range(1, convolutions + 1):
            x_bchw = self.get_submodule(f"conv{stage}_{index}")(x_bchw)
        return self.pool(x_bchw)

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return self.tail(self.trunk(image_bhw3))

    @classmethod
    def caffe_layer(cls, module: str) -> str:
        """Names are Caffe's."""
        return module


class Vgg16Hybrid1365(Vgg16):
    """On ImageNet and Places365 together (Zhou et al. 2017)."""

    name = "vgg16_hybrid1365"
    weights = LocalWeights(
        name="vgg16_hybrid1365",
        licence="CC BY (github.com/CSAILVision/places365)",
        install="download vgg16_hybrid1365.caffemodel and deploy_vgg16_hybrid1365.prototxt "
        "(github.com/CSAILVision/places365)",
    )

    def published_names(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Refuses torchvision's names: the shapes would fit, the training data and the normalisation do not."""
        if "features.0.weight" in state:
            raise ConfigError(
                f"{self.weights.path()}: has the names of torchvision, whose VGG16 knows ImageNet alone and another "
                f"normalisation; expected Hybrid1365 from Caffe, or use backbone {Vgg16ImageNet.name}"
            )
        return state


class TorchvisionInput(nn.Module):
    """Images (b, h, w, 3) RGB 0..255 -> (b, 3, h, w) RGB normalised as torchvision's ImageNet weights expect."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        # of the training images, in 0..1
        for name, values in (("mean", (0.485, 0.456, 0.406)), ("spread", (0.229, 0.224, 0.225))):
            self.register_buffer(name, 255.0 * torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def set_mean(self, mean_rgb: tuple[float, ...]) -> None:
        """Subtract this colour (3,), 0..255, from now on; the spread stays."""
        self.mean = torch.tensor(mean_rgb, dtype=torch.float32).view(1, 3, 1, 1)

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return (image_bhw3.permute(0, 3, 1, 2).float() - self.mean) / self.spread


class Vgg16ImageNet(Vgg16):
    """On ImageNet, as torchvision trained it: not a network of the thesis, but the VGG16 that is easiest to get."""

    name = "vgg16_imagenet"
    dropped = ("classifier.",)
    weights = LocalWeights(
        name="vgg16_imagenet",
        licence="not stated (torchvision, whose code is BSD-3-Clause)",
        install="download vgg16-397923af.pth (download.pytorch.org/models)",
        published={"vgg16-397923af.pth": "sha256:397923af"},
    )

    def __init__(self) -> None:
        super().__init__()
        self.input = TorchvisionInput()

    def published_names(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Torchvision counts convolutions, ReLUs and poolings in one list: features.5 is conv2_1."""
        names, position = {}, 0
        for stage, (_, convolutions) in enumerate(STAGES, start=1):
            for index in range(1, convolutions + 1):
                names[f"features.{position}"] = f"conv{stage}_{index}"
                position += 2
            position += 1
        renamed = {}
        for key, value in state.items():
            layer, _, parameter = key.rpartition(".")
            renamed[f"{names.get(layer, layer)}.{parameter}"] = value
        return renamed


class Vgg16Random(Vgg16):
    """Drawn weights, for comparisons and tests."""

    name = "vgg16_random"
    weights = DrawnWeights()

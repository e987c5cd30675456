# SPDX-License-Identifier: BSD-3-Clause
"""GoogLeNet (Szegedy et al. 2015, table 1) in its Caffe form: true 5x5 branches, response normalisation, biases."""

from __future__ import annotations

import torch
from torch import nn

from camera_relocalization_ros.training.backbones.caffe_layers import CaffeInput, ConvRelu, max_pool, response_norm
from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.backbones.weights import DrawnWeights, LocalWeights

# input channels; outputs of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
MODULES = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}
STEM = {"conv1": "conv1/7x7_s2", "conv2_reduce": "conv2/3x3_reduce", "conv2": "conv2/3x3"}


class Inception(nn.Module):
    """Four branches side by side: (b, c, h, w) -> (b, c', h, w)."""

    def __init__(self, c_in: int, c1: int, c3_reduce: int, c3: int, c5_reduce: int, c5: int, c_pool: int) -> None:
        super().__init__()
        self.conv_1x1 = ConvRelu(c_in, c1, 1)
        self.conv_3x3_reduce = ConvRelu(c_in, c3_reduce, 1)
        self.conv_3x3 = ConvRelu(c3_reduce, c3, 3)
        self.conv_5x5_reduce = ConvRelu(c_in, c5_reduce, 1)
        self.conv_5x5 = ConvRelu(c5_reduce, c5, 5)
        self.pool = max_pool(3, 1, padding=1)
        self.conv_pool_proj = ConvRelu(c_in, c_pool, 1)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y3_bchw = self.conv_3x3(self.conv_3x3_reduce(x_bchw))
        y5_bchw = self.conv_5x5(self.conv_5x5_reduce(x_bchw))
        pooled_bchw = self.conv_pool_proj(self.pool(x_bchw))
        return torch.cat([self.conv_1x1(x_bchw), y3_bchw, y5_bchw, pooled_bchw], dim=1)


class GoogLeNet(Backbone):
    """Image in, last feature map out: (b, h, w, 3) -> (b, 1024, about h / 32, about w / 32)."""

    feature_channels = 1024
    input_width = 224
    cut_layer = "inception_4d"
    cut_channels = 528
    tail_layers = ("inception_4e", "inception_5a", "inception_5b")
    mean_bgr = (104.0, 117.0, 123.0)
    subtracts_mean = True

    def __init__(self) -> None:
        super().__init__()
        self.input = CaffeInput(self.mean_bgr)
        self.conv1 = ConvRelu(3, 64, 7, stride=2)
        self.conv2_reduce = ConvRelu(64, 64, 1)
        self.conv2 = ConvRelu(64, 192, 3)
        self.norm = response_norm()
        self.pool = max_pool(3, 2)
        for name, channels in MODULES.items():
            self.add_module(f"inception_{name}", Inception(*channels))

    def trunk(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        x_bchw = self.norm(self.pool(self.conv1(self.input(image_bhw3))))
        x_bchw = self.pool(self.norm(self.conv2(self.conv2_reduce(x_bchw))))
        x_bchw = self.pool(self._inceptions(x_bchw, "3a", "3b"))
        return self._inceptions(x_bchw, "4a", "4b", "4c", "4d")

    def tail(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x_bchw = self.pool(self._inceptions(x_bchw, "4e"))
        return self._inceptions(x_bchw, "5a", "5b")

    def set_mean(self, mean_rgb: tuple[float, ...]) -> None:
        self.input.set_mean(mean_rgb)

    def _inceptions(self, x_bchw: torch.Tensor, *names: str) -> torch.Tensor:
        for name in names:
            x_bchw = self.get_submodule(f"inception_{name}")(x_bchw)
        return x_bchw

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return self.tail(self.trunk(image_bhw3))

    @classmethod
    def caffe_layer(cls, module: str) -> str:
        """The Caffe layer whose blobs a convolution takes: inception_3a.conv_5x5 -> inception_3a/5x5."""
        return STEM.get(module) or module.replace(".conv_", "/")


class GoogLeNetImageNet(GoogLeNet):
    """BVLC's reimplementation."""

    name = "googlenet_imagenet"
    weights = LocalWeights(
        name="googlenet_imagenet",
        licence="unrestricted use (BVLC model zoo)",
        install="download bvlc_googlenet.caffemodel and its deploy.prototxt as bvlc_googlenet.prototxt "
        "(Caffe model zoo, models/bvlc_googlenet)",
        published={"bvlc_googlenet.caffemodel": "sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204"},
    )


class GoogLeNetPlaces365(GoogLeNet):
    """Zhou et al. 2017."""

    name = "googlenet_places365"
    # that of its authors' binaryproto
    mean_bgr = (104.051, 112.514, 116.676)
    weights = LocalWeights(
        name="googlenet_places365",
        licence="CC BY (github.com/CSAILVision/places365)",
        install="download googlenet_places365.caffemodel and deploy_googlenet_places365.prototxt "
        "(github.com/CSAILVision/places365)",
    )


class GoogLeNetRandom(GoogLeNet):
    """Drawn weights, for comparisons and tests."""

    name = "googlenet_random"
    weights = DrawnWeights()

# SPDX-License-Identifier: BSD-3-Clause
"""VGG16's convolutions (Simonyan & Zisserman 2015, configuration D) on Hybrid1365: ImageNet and Places365 together."""

from __future__ import annotations

import torch

from camera_relocalization_ros.learning.backbones.caffe_layers import CaffeInput, ConvRelu, max_pool
from camera_relocalization_ros.learning.backbones.contract import Backbone, LocalWeights, draw_weights, load_into

# output channels and number of convolutions between two poolings
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


class Vgg16(Backbone):
    """Image in, last feature map (pool5) out: (b, h, w, 3) -> (b, 512, h / 32, w / 32), rounded up."""

    feature_channels = 512
    input_width = 224
    cut_layer = "pool4"
    tail_layers = ("conv5_1", "conv5_2", "conv5_3")

    def __init__(self) -> None:
        super().__init__()
        self.input = CaffeInput((104.006, 116.669, 122.679))
        self.pool = max_pool(2, 2)
        c_in = 3
        for stage, (c_out, convolutions) in enumerate(STAGES, start=1):
            for index in range(1, convolutions + 1):
                self.add_module(f"conv{stage}_{index}", ConvRelu(c_in, c_out, 3))
                c_in = c_out

    def trunk(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        x_bchw = self.input(image_bhw3)
        x_bchw = self.pool(self.conv1_2(self.conv1_1(x_bchw)))
        x_bchw = self.pool(self.conv2_2(self.conv2_1(x_bchw)))
        x_bchw = self.pool(self.conv3_3(self.conv3_2(self.conv3_1(x_bchw))))
        return self.pool(self.conv4_3(self.conv4_2(self.conv4_1(x_bchw))))

    def tail(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return self.pool(self.conv5_3(self.conv5_2(self.conv5_1(x_bchw))))

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return self.tail(self.trunk(image_bhw3))

    @classmethod
    def caffe_layer(cls, module: str) -> str:
        """Names are Caffe's."""
        return module


class Vgg16Hybrid1365(Vgg16):
    """Zhou et al. 2017."""

    name = "vgg16_hybrid1365"
    weights = LocalWeights(
        file="vgg16_hybrid1365.pth",
        licence="CC BY (github.com/CSAILVision/places365)",
        install="download vgg16_hybrid1365.caffemodel and deploy_vgg16_hybrid1365.prototxt "
        "(github.com/CSAILVision/places365), then run: reloc convert-weights vgg16_hybrid1365.caffemodel "
        "--prototxt deploy_vgg16_hybrid1365.prototxt --backbone vgg16_hybrid1365",
    )

    def load_pretrained(self) -> None:
        """Load the converted Caffe weights; raises ConfigError that says where to get them."""
        load_into(self)


class Vgg16Random(Vgg16):
    """Drawn weights, for comparisons and tests."""

    name = "vgg16_random"
    weights = LocalWeights(file="", licence="BSD-3-Clause", install="")

    def load_pretrained(self) -> None:
        """Draw the weights; always the same."""
        draw_weights(self)

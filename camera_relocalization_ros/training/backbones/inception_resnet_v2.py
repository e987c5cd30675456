# SPDX-License-Identifier: BSD-3-Clause
"""Inception-ResNet-v2 (Szegedy et al. 2016) on ImageNet, as published with TensorFlow-Slim.

Parameter names are those of timm's `inception_resnet_v2`, so that its weights files load as they are.
"""

from __future__ import annotations

import torch
from torch import nn

from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.backbones.weights import DrawnWeights, LocalWeights

BATCH_NORM_EPS = 1e-3


class ConvNormRelu(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int | tuple[int, int] = 1, stride: int = 1, is_padded: bool = False
    ) -> None:
        super().__init__()
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (height // 2, width // 2) if is_padded else 0
        self.conv = nn.Conv2d(c_in, c_out, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=BATCH_NORM_EPS)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.bn(self.conv(x_bchw)))


def _same(c_in: int, c_out: int, kernel: int | tuple[int, int] = 1) -> ConvNormRelu:
    return ConvNormRelu(c_in, c_out, kernel, is_padded=True)


def _shrink(c_in: int, c_out: int) -> ConvNormRelu:
    return ConvNormRelu(c_in, c_out, 3, stride=2)


class Branches(nn.Module):
    """Branches side by side: (b, c, h, w) -> the channels of all, one after the other."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for index, branch in enumerate(branches):
            self.add_module(f"branch{index}", branch)
        self.branch_count = len(branches)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return torch.cat([getattr(self, f"branch{index}")(x_bchw) for index in range(self.branch_count)], dim=1)


class Residual(Branches):
    """Branches and a 1x1 convolution whose scaled output is added to the input (Szegedy et al. 2016, section 3.3)."""

    def __init__(self, channels: int, joined: int, scale: float, *branches: nn.Module, is_linear: bool = False) -> None:
        super().__init__(*branches)
        self.conv2d = nn.Conv2d(joined, channels, 1)
        self.scale = scale
        self.is_linear = is_linear

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y_bchw = x_bchw + self.scale * self.conv2d(super().forward(x_bchw))
        return y_bchw if self.is_linear else torch.relu(y_bchw)


def _block35() -> Residual:
    return Residual(
        320,
        128,
        0.17,
        _same(320, 32),
        nn.Sequential(_same(320, 32), _same(32, 32, 3)),
        nn.Sequential(_same(320, 32), _same(32, 48, 3), _same(48, 64, 3)),
    )


def _block17() -> Residual:
    factorised = nn.Sequential(_same(1088, 128), _same(128, 160, (1, 7)), _same(160, 192, (7, 1)))
    return Residual(1088, 384, 0.10, _same(1088, 192), factorised)


def _block8(scale: float, is_linear: bool = False) -> Residual:
    factorised = nn.Sequential(_same(2080, 192), _same(192, 224, (1, 3)), _same(224, 256, (3, 1)))
    return Residual(2080, 448, scale, _same(2080, 192), factorised, is_linear=is_linear)


def _mixed_5b() -> Branches:
    return Branches(
        _same(192, 96),
        nn.Sequential(_same(192, 48), _same(48, 64, 5)),
        nn.Sequential(_same(192, 64), _same(64, 96, 3), _same(96, 96, 3)),
        # TensorFlow averages over the pixels that are there
        nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), _same(192, 64)),
    )


def _mixed_6a() -> Branches:
    return Branches(
        _shrink(320, 384),
        nn.Sequential(_same(320, 256), _same(256, 256, 3), _shrink(256, 384)),
        nn.MaxPool2d(3, stride=2),
    )


def _mixed_7a() -> Branches:
    return Branches(
        nn.Sequential(_same(1088, 256), _shrink(256, 384)),
        nn.Sequential(_same(1088, 256), _shrink(256, 288)),
        nn.Sequential(_same(1088, 256), _same(256, 288, 3), _shrink(288, 320)),
        nn.MaxPool2d(3, stride=2),
    )


class InceptionResNetV2(Backbone):
    """Image in, last feature map out: (b, h, w, 3) -> (b, 1536, h', w'); 8 x 8 from 299 x 299, at least 75 x 75."""

    feature_channels = 1536
    input_width = 299
    # the thesis fine-tunes the last ten residual blocks: nine and the linear one
    cut_layer = "mixed_7a"
    cut_channels = 2080
    tail_layers = ("repeat_2", "block8", "conv2d_7b")
    dropped = ("classif.", "last_linear.")

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = _shrink(3, 32)
        self.conv2d_2a = ConvNormRelu(32, 32, 3)
        self.conv2d_2b = _same(32, 64, 3)
        self.conv2d_3b = _same(64, 80)
        self.conv2d_4a = ConvNormRelu(80, 192, 3)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.mixed_5b = _mixed_5b()
        self.repeat = nn.Sequential(*[_block35() for _ in range(10)])
        self.mixed_6a = _mixed_6a()
        self.repeat_1 = nn.Sequential(*[_block17() for _ in range(20)])
        self.mixed_7a = _mixed_7a()
        self.repeat_2 = nn.Sequential(*[_block8(0.20) for _ in range(9)])
        self.block8 = _block8(1.0, is_linear=True)
        self.conv2d_7b = _same(2080, self.feature_channels)

    def trunk(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        x_bchw = image_bhw3.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        x_bchw = self.pool(self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x_bchw))))
        x_bchw = self.pool(self.conv2d_4a(self.conv2d_3b(x_bchw)))
        x_bchw = self.mixed_6a(self.repeat(self.mixed_5b(x_bchw)))
        return self.mixed_7a(self.repeat_1(x_bchw))

    def tail(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return self.conv2d_7b(self.block8(self.repeat_2(x_bchw)))

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return self.tail(self.trunk(image_bhw3))


class InceptionResNetV2ImageNet(InceptionResNetV2):
    """Google's weights, converted by Cadene and by timm."""

    name = "inception_resnet_v2_imagenet"
    weights = LocalWeights(
        name="inception_resnet_v2_imagenet",
        licence="Apache-2.0 (TensorFlow models, converted by timm)",
        install="download inception_resnet_v2-940b1cd6.pth "
        "(github.com/rwightman/pytorch-image-models, release v0.1-weights), or timm's model.safetensors of "
        "inception_resnet_v2 as inception_resnet_v2_imagenet.safetensors,",
        published={"inception_resnet_v2-940b1cd6.pth": "sha256:940b1cd6"},
    )


class InceptionResNetV2Random(InceptionResNetV2):
    """Drawn weights, for comparisons and tests."""

    name = "inception_resnet_v2_random"
    weights = DrawnWeights()

# SPDX-License-Identifier: BSD-3-Clause
"""Layers as Caffe computes them: BGR minus a mean, convolutions with bias and ReLU, pooling that rounds up."""

from __future__ import annotations

import torch
from torch import nn


class CaffeInput(nn.Module):
    """Images (b, h, w, 3) RGB 0..255 -> (b, 3, h, w) BGR minus the mean of the training images."""

    mean_bgr: torch.Tensor

    def __init__(self, mean_bgr: tuple[float, float, float]) -> None:
        super().__init__()
        self.register_buffer("mean_bgr", torch.tensor(mean_bgr).view(1, 3, 1, 1), persistent=False)

    def set_mean(self, mean_rgb: tuple[float, ...]) -> None:
        """Subtract this colour (3,), 0..255, from now on."""
        self.mean_bgr = torch.tensor(mean_rgb[::-1], dtype=torch.float32).view(1, 3, 1, 1)

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        image_brgb = image_bhw3.permute(0, 3, 1, 2).float()
        return torch.cat([image_brgb[:, 2:3], image_brgb[:, 1:2], image_brgb[:, 0:1]], dim=1) - self.mean_bgr


class ConvRelu(nn.Conv2d):
    """A convolution with bias, padded to keep the size at stride 1, then ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(c_in, c_out, kernel, stride, kernel // 2)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return torch.relu(super().forward(x_bchw))


def max_pool(kernel: int, stride: int, padding: int = 0) -> nn.MaxPool2d:
    """Maximum pooling that rounds the output size up, as Caffe does."""
    return nn.MaxPool2d(kernel, stride, padding, ceil_mode=True)


def response_norm() -> nn.LocalResponseNorm:
    """Across 5 channels; alpha is divided by the size (TensorFlow: depth radius 2, alpha 2e-5)."""
    return nn.LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=1.0)

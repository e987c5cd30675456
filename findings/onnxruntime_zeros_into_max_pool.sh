#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ONNX Runtime 1.20 to 1.31 takes zeros around an image for nothing around it, before a MaxPool, and so does onnxoptimizer.
#
# Guess beforehand: what a network answers does not hang on how far it is optimized, but for rounding. Padding that is a node of its own, as
# backbones have that were padded by hand or come from TensorFlow, becomes the pooling's own only where that means the same.
# Seen (onnxruntime 1.20.1 to 1.31.0, with all optimizations as by default and with the basic ones; onnxoptimizer 0.4.2 with its default passes):
# Pad with zeros and MaxPool become one MaxPool with pads. These are of minus infinity, by the operator's definition, so that a window at
# the border all of whose values are below zero answers its greatest value instead of 0. Behind a ReLU nothing shows; behind a layer that
# has none it does: of values from -16 to -1 the border's 0, 0, 0 become -1, -2, -5. 1.20.1 has means of the border wrong too (AveragePool), of
# any values. onnxruntime 1.19.2 and 1.32.0 are right, and so are all with the optimizations off. onnxslim 0.1.98 keeps the numbers.
# That onnxoptimizer does it is known by an issue of onnxsim, which calls it, open since 2023; one of ONNX Runtime was not found.
# Consequence for whoever flies a network whose padding is a node: 1.32.0, or see by the numbers of its real features that no window is below zero.
# camera_relocalization_ros' own backbones have the padding in the pooling, and each export is compared with PyTorch.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/network.py" <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxoptimizer
import onnxslim
from onnx import TensorProto, helper, numpy_helper


def network(pooling, value=0.0):
    """Features of 4 x 4 with one more row and column of `value` on each side, pooled by 3 x 3."""
    graph = helper.make_graph(
        [
            helper.make_node("Pad", ["X", "pads", "value"], ["padded"]),
            helper.make_node(pooling, ["padded"], ["Y"], kernel_shape=[3, 3], strides=[2, 2]),
        ],
        "trunk",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [1, 1, 4, 4])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [1, 1, 2, 2])],
        [
            numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "pads"),
            numpy_helper.from_array(np.array(value, dtype=np.float32), "value"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


made = {
    "largest": network("MaxPool"),
    "largest-of-five": network("MaxPool", 5.0),
    "mean": network("AveragePool"),
    "largest-optimized": onnxoptimizer.optimize(network("MaxPool")),
    "largest-slim": onnxslim.slim(network("MaxPool")),
}
for name, model in made.items():
    onnx.save(model, f"{sys.argv[1]}/{name}.onnx")
PYTHON
cat >"$folder/program.py" <<'PYTHON'
import sys

import numpy as np
import onnxruntime

FEATURES = -np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)
LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_ALL")
RIGHT, WRONG = [0.0, 0.0, 0.0, -6.0], [-1.0, -2.0, -5.0, -6.0]


def answers(name, features=FEATURES):
    """What the network says at each level of optimization."""
    found = []
    for level in LEVELS:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        path = f"{sys.argv[1]}/{name}.onnx"
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        found.append(session.run(None, {"X": features})[0].ravel())
    return np.array(found)


largest = answers("largest")
print("onnxruntime", onnxruntime.__version__, dict(zip(LEVELS, largest.tolist())))
assert np.array_equal(largest, [RIGHT] * 3 if sys.argv[2] == "right" else [RIGHT, WRONG, WRONG])
assert np.array_equal(answers("largest-optimized"), [WRONG] * 3)
assert np.array_equal(answers("largest-slim"), largest)
assert np.array_equal(answers("largest", -FEATURES), answers("largest-optimized", -FEATURES))
assert np.array_equal(answers("largest-of-five"), [[5.0, 5.0, 5.0, -6.0]] * 3)
of_padded, of_real = np.array([-14 / 9, -10 / 3, -19 / 3, -11]), np.array([-3.5, -5, -9.5, -11])
means = [of_padded, of_real, of_real] if onnxruntime.__version__ == "1.20.1" else [of_padded] * 3
assert np.allclose(answers("mean"), means, atol=1e-5)
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  onnxoptimizer==0.4.2 onnxslim==0.1.98 onnx==1.23.2 numpy==2.2.6
"$folder/venv/bin/python" "$folder/network.py" "$folder"
for version in 1.19.2:right 1.20.1:wrong 1.27.0:wrong 1.31.0:wrong 1.32.0:right; do
  "$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check "onnxruntime==${version%:*}" numpy==2.2.6
  OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py" "$folder" "${version#*:}"
done
echo "still so: zeros taken for nothing"

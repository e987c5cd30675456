# SPDX-License-Identifier: BSD-3-Clause
"""From a torch module to the bytes of an ONNX file."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch import nn

OPSET = 17


def onnx_bytes(
    network: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    input_names: list[str],
    output_names: list[str],
    dynamic_axes: dict[str, dict[int, str]] | None = None,
) -> bytes:
    """Trace `network` in evaluation mode; shapes are fixed but for `dynamic_axes`.

    The TorchScript exporter is used on purpose: it folds batch norms, knows GRU and LSTM with a free length,
    is the one that PyTorch for Python 3.8 has too, and takes a tenth of the other's time.
    """
    buffer = io.BytesIO()
    options: dict[str, Any] = {"dynamo": False} if "dynamo" in torch.onnx.export.__code__.co_varnames else {}
    with warnings.catch_warnings():
        # tracing fixes the padding of the "same" convolutions to the input size, which is what is wanted
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            inputs,
            buffer,  # type: ignore[arg-type]  # torch takes a file object, and its annotation forgets it
            input_names=input_names,
            output_names=output_names,
            dynamic_axes=dynamic_axes or {},
            opset_version=OPSET,
            **options,
        )
    return buffer.getvalue()

# SPDX-License-Identifier: BSD-3-Clause
"""Guided backpropagation for networks that call ReLU as a function, and for ReLU6.

Captum's guided backpropagation hooks modules of class nn.ReLU alone. The backbones and heads here call functions, so
on them it would be the plain gradient, without a word.
"""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

RELUS = {
    *(torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_),
    *(functional.relu, functional.relu_, functional.relu6),
}


class GuidedRelus(TorchFunctionMode):
    """Within it, no ReLU that is called lets a negative gradient through (Springenberg et al. 2015)."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        # nn.ReLU6 calls hardtanh from 0 to 6
        is_relu = func in RELUS or (func is functional.hardtanh and kwargs.get("min_val") == 0)
        if is_relu and output.requires_grad:
            output.register_hook(torch.relu)
        return output

# SPDX-License-Identifier: BSD-3-Clause
"""What a training runs on: this process among those of torchrun, and the precision that the machine is fast in."""

from __future__ import annotations

import os
from typing import Any, Dict, Literal, NamedTuple

import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from camera_relocalization_ros.core.errors import ConfigError

TrainerPrecision = Literal["32-true", "16-mixed", "bf16-mixed"]
# those of a recipe, by Lightning's names; "auto" is one of them
TRAINER_PRECISIONS: Dict[str, TrainerPrecision] = {"32": "32-true", "16-mixed": "16-mixed", "bf16-mixed": "bf16-mixed"}
PRECISIONS = ("auto", *TRAINER_PRECISIONS)


class Process(NamedTuple):
    """Number of this process, from 0, and of all that train together."""

    rank: int
    world_size: int


def process() -> Process:
    """This process; (0, 1) unless torchrun started it."""
    if not TorchElasticEnvironment.detect():
        return Process(0, 1)
    return Process(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def trainer_processes() -> dict[str, Any]:
    """How Lightning's trainer shares the work; raises ConfigError for more processes on a machine than it has GPUs."""
    processes = process().world_size
    if processes == 1:
        return {"devices": 1}
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    if torch.cuda.is_available() and local > torch.cuda.device_count():
        raise ConfigError(
            f"{local} processes on a machine with {torch.cuda.device_count()} GPU(s); expected at most one for each "
            "(--nproc-per-node), or none that torch sees (CUDA_VISIBLE_DEVICES=) to train on processors"
        )
    return {"strategy": "ddp", "devices": local, "num_nodes": processes // local}


def trainer_precision(name: str) -> TrainerPrecision:
    """Lightning's name for one of PRECISIONS on this machine; raises ConfigError for another name."""
    if name not in PRECISIONS:
        raise ConfigError(f"precision is {name!r}; expected one of {', '.join(PRECISIONS)}")
    return TRAINER_PRECISIONS[_fast_precision() if name == "auto" else name]


def _fast_precision() -> str:
    """Mixed where this machine multiplies it faster: a GPU, and processors with products of bf16 (AMX, AVX-512)."""
    if torch.cuda.is_available():
        return "16-mixed"
    # bf16 halves the time of a training step with either; without them it is emulated, and slower. torch 2.4 on has
    # the questions, under private names until get_capabilities came
    questions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    is_fast = any(getattr(torch.cpu, question, lambda: False)() for question in questions)
    return "bf16-mixed" if is_fast else "32"

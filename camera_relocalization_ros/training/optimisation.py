# SPDX-License-Identifier: BSD-3-Clause
"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.config import OptimiserConfig

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerConfig, OptimizerLRSchedulerConfig

OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
ONE_CYCLE, PLATEAU, CONSTANT = SCHEDULES = ("one_cycle", "plateau", "constant")
HELD_OUT_LOSS = "val_loss"


def check_optimiser(config: OptimiserConfig, held_out: bool) -> None:
    """Raises ConfigError for unknown names and for what needs held-out data when there is none."""
    if config.name not in OPTIMISERS:
        raise ConfigError(f"no optimiser.name {config.name!r}; known: {', '.join(OPTIMISERS)}")
    if config.schedule not in SCHEDULES:
        raise ConfigError(f"no optimiser.schedule {config.schedule!r}; known: {', '.join(SCHEDULES)}")
    for name, low in (("epochs", 1), ("batch_size", 1), ("patience", 0), ("plateau_patience", 0)):
        if getattr(config, name) < low:
            raise ConfigError(f"optimiser.{name} is {getattr(config, name)}; expected at least {low}")
    if not config.learning_rate > 0:
        raise ConfigError(f"optimiser.learning_rate is {config.learning_rate}; expected more than 0")
    for name in ("plateau_factor", "ema_decay"):
        if not 0.0 <= getattr(config, name) < 1.0:
            raise ConfigError(f"optimiser.{name} is {getattr(config, name)}; expected 0 <= {name} < 1")
    if not held_out and (config.patience or config.schedule == PLATEAU):
        raise ConfigError(
            f"optimiser.schedule {config.schedule!r} with patience {config.patience} watches held-out data; "
            "expected some (reloc train --val)"
        )


def build_optimiser(
    parameters: Iterable[nn.Parameter], config: OptimiserConfig, steps: int
) -> OptimizerConfig | OptimizerLRSchedulerConfig:
    """What Lightning asks of `configure_optimizers`, for a training of `steps` steps."""
    # fused: the same arithmetic in a fifth of the time
    optimiser = OPTIMISERS[config.name](parameters, config.learning_rate, weight_decay=config.weight_decay, fused=True)
    if config.schedule != ONE_CYCLE:
        return {"optimizer": optimiser}
    # torch divides by the length of the rise, 0.1 * steps - 1, and by that of the fall
    schedule = OneCycleLR(optimiser, config.learning_rate, 11 if steps == 10 else max(steps, 2), pct_start=0.1)
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class ResumableEarlyStopping(EarlyStopping):
    """Lightning's, but a training that it had stopped stays stopped when it is taken up again.

    Its state holds the epochs without progress, but not the decision, and another epoch would be trained.
    """

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class PlateauSchedule(lightning.Callback):
    """Lowers the learning rate when the held-out loss no longer falls.

    Lightning's own way updates after the checkpoint of the epoch was written, so a resumed training would differ.
    """

    def __init__(self, config: OptimiserConfig) -> None:
        self._config = config
        self._schedule: ReduceLROnPlateau | None = None
        self._resumed: dict[str, Any] = {}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._schedule = ReduceLROnPlateau(
            trainer.optimizers[0], factor=self._config.plateau_factor, patience=self._config.plateau_patience
        )
        self._schedule.load_state_dict(self._resumed)

    def on_validation_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert self._schedule is not None, "Lightning begins before it validates"
        self._schedule.step(float(trainer.callback_metrics[HELD_OUT_LOSS]))

    def state_dict(self) -> dict[str, Any]:
        return self._schedule.state_dict() if self._schedule else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._resumed = state_dict

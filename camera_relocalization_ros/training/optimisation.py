# SPDX-License-Identifier: BSD-3-Clause
"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from camera_relocalization_ros.core.errors import ConfigError, unknown_name
from camera_relocalization_ros.training.config import OptimiserConfig

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerConfig, OptimizerLRSchedulerConfig

OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
ONE_CYCLE, PLATEAU, STEP, EXPONENTIAL, CONSTANT = SCHEDULES = (
    "one_cycle",
    "plateau",
    "step",
    "exponential",
    "constant",
)
HELD_OUT_LOSS = "val_loss"


def check_optimiser(config: OptimiserConfig, held_out: bool) -> None:
    """Raises ConfigError for unknown names and for what needs held-out data when there is none."""
    if config.name not in OPTIMISERS:
        raise ConfigError(unknown_name("optimiser.name", config.name, OPTIMISERS))
    if config.schedule not in SCHEDULES:
        raise ConfigError(unknown_name("optimiser.schedule", config.schedule, SCHEDULES))
    lowest = {"epochs": 1, "batch_size": 1, "patience": 0, "plateau_patience": 0, "decay_epochs": 1}
    lowest.update(plateau_cooldown=0, plateau_min_delta=0, min_learning_rate=0)
    for name, low in lowest.items():
        if not getattr(config, name) >= low:
            raise ConfigError(f"optimiser.{name} is {getattr(config, name)}; expected at least {low}")
    for name in ("learning_rate", "epsilon"):
        if not getattr(config, name) > 0:
            raise ConfigError(f"optimiser.{name} is {getattr(config, name)}; expected more than 0")
    # another optimiser has neither: a search may try both with one recipe
    if config.name == "sgd" and config.nesterov and not config.momentum:
        raise ConfigError("optimiser.nesterov looks ahead along optimiser.momentum, which is 0; expected more")
    for name in ("plateau_factor", "ema_decay", "momentum", "decay_factor"):
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
    if config.name == "sgd":
        own: dict[str, Any] = {"momentum": config.momentum, "nesterov": config.nesterov}
    else:
        own = {"eps": config.epsilon}
    # fused: the same arithmetic in a fifth of the time
    optimiser = OPTIMISERS[config.name](
        parameters, config.learning_rate, weight_decay=config.weight_decay, fused=True, **own
    )
    schedule = _schedule(optimiser, config, steps)
    if schedule is None:
        return {"optimizer": optimiser}
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _schedule(optimiser: torch.optim.Optimizer, config: OptimiserConfig, steps: int) -> LRScheduler | None:
    """What changes the learning rate after each step; None where nothing does, or the held-out loss decides.

    By steps and not by epochs: Lightning would make the change of an epoch after its checkpoint was written.
    """
    if config.schedule == ONE_CYCLE:
        # torch divides by the length of the rise, 0.1 * steps - 1, and by that of the fall
        return OneCycleLR(optimiser, config.learning_rate, 11 if steps == 10 else max(steps, 2), pct_start=0.1)
    stretch = config.decay_epochs * max(steps // config.epochs, 1)
    if config.schedule == STEP:  # thesis 2.2.6
        return LambdaLR(optimiser, lambda step: config.decay_factor ** (step // stretch))
    if config.schedule == EXPONENTIAL:  # thesis 2.2.6
        return LambdaLR(optimiser, lambda step: config.decay_factor ** (step / stretch))
    return None


def plateau_schedule(optimiser: torch.optim.Optimizer, config: OptimiserConfig) -> ReduceLROnPlateau:
    """Falls when the loss that it is told of no longer does.

    A fall by an absolute amount counts for losses below zero too, which the homoscedastic ones reach.
    """
    fall = config.plateau_min_delta
    return ReduceLROnPlateau(
        optimiser,
        factor=config.plateau_factor,
        patience=config.plateau_patience,
        cooldown=config.plateau_cooldown,
        min_lr=config.min_learning_rate,
        threshold=fall or 1e-4,
        threshold_mode="abs" if fall else "rel",
    )


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
        self._schedule = plateau_schedule(trainer.optimizers[0], self._config)
        self._schedule.load_state_dict(self._resumed)

    def on_validation_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert self._schedule is not None, "Lightning begins before it validates"
        self._schedule.step(float(trainer.callback_metrics[HELD_OUT_LOSS]))

    def state_dict(self) -> dict[str, Any]:
        return self._schedule.state_dict() if self._schedule else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._resumed = state_dict

# SPDX-License-Identifier: BSD-3-Clause
"""Epochs of a training as progress for whoever asked, in place of Lightning's bars."""

from __future__ import annotations

import lightning
from lightning.pytorch.callbacks import ProgressBar

from camera_relocalization_ros.core.progress import Task


class EpochProgress(ProgressBar):
    """Reports every epoch to `core.progress`; Lightning draws no bar of its own where there is one of these."""

    def __init__(self) -> None:
        super().__init__()
        self._task: Task | None = None

    def enable(self) -> None:
        """Processes other than the first have nothing to tell."""

    def disable(self) -> None:
        """They have their own context, in which nobody listens."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._task = Task("training", trainer.max_epochs or 0, "epoch").__enter__()
        self._task.reach(trainer.current_epoch)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self._task is not None:
            self._task.advance()

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._end()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._task is not None:
            self._task.__exit__()
            self._task = None

# SPDX-License-Identifier: BSD-3-Clause
"""Epochs of a training for whoever asked: progress in place of Lightning's bars, and pictures of held-out data."""

from __future__ import annotations

from typing import Any, Callable

import lightning
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.training.pose_training import PoseTraining

# a picture takes as long as many an epoch: of longer trainings every other epoch has one, every third, ...
MAX_PICTURES = 50


class EpochPictures(lightning.Callback):
    """Has what epochs estimate on held-out data drawn, and at the end what the kept weights do.

    `draw` is given a name for the picture, estimates and truth (N each), keeps the picture, and returns the figure of
    matplotlib, which goes to TensorBoard. Nothing is drawn where no data is held out.
    """

    def __init__(self, draw: Callable[[str, Poses, Poses], Any]) -> None:
        self._draw = draw

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Called after every epoch, and once more with the weights that are kept."""
        assert isinstance(pl_module, PoseTraining)
        if trainer.sanity_checking or not trainer.is_global_zero or pl_module.held_out is None:
            return
        is_kept = trainer.state.fn == TrainerFn.VALIDATING
        every = -(-(trainer.max_epochs or 1) // MAX_PICTURES)
        if not is_kept and trainer.current_epoch % every:
            return
        figure = self._draw("kept" if is_kept else f"epoch_{trainer.current_epoch:04d}", *pl_module.held_out)
        if isinstance(trainer.logger, TensorBoardLogger):
            trainer.logger.experiment.add_figure("held_out", figure, trainer.global_step)


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

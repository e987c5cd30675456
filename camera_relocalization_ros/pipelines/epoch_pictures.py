# SPDX-License-Identifier: BSD-3-Clause
"""A picture of what the epochs of a training estimate on held-out data, in its folder and in TensorBoard."""

from __future__ import annotations

from pathlib import Path

import lightning
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn

from camera_relocalization_ros.report.figures.canvas import save_figure
from camera_relocalization_ros.report.figures.epoch_figure import draw_epoch
from camera_relocalization_ros.training.pose_training import PoseTraining

FOLDER = "epochs"
# a picture takes as long as many an epoch: of longer trainings every other epoch has one, every third, ...
MAX_PICTURES = 50


class EpochPictures(lightning.Callback):
    """Draws after epochs, and the kept weights at the end; nothing where no data is held out."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / FOLDER

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Called after every epoch, and once more with the weights that are kept."""
        assert isinstance(pl_module, PoseTraining)
        if trainer.sanity_checking or not trainer.is_global_zero or pl_module.held_out is None:
            return
        is_kept = trainer.state.fn == TrainerFn.VALIDATING
        every = -(-(trainer.max_epochs or 1) // MAX_PICTURES)
        if not is_kept and trainer.current_epoch % every:
            return
        name = "kept" if is_kept else f"epoch_{trainer.current_epoch:04d}"
        estimates, truth = pl_module.held_out
        figure = draw_epoch(estimates, truth, f"{self._folder.parent.name}, {name.replace('_', ' ')}, held-out data")
        save_figure(figure, self._folder / f"{name}.png")
        if isinstance(trainer.logger, TensorBoardLogger):
            trainer.logger.experiment.add_figure("held_out", figure, trainer.global_step)

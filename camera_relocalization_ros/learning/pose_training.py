# SPDX-License-Identifier: BSD-3-Clause
"""The Lightning module: a head, its loss, the average of its weights, and what is measured in every epoch."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from camera_relocalization_ros.core.evaluation import pose_errors
from camera_relocalization_ros.learning.config import LossConfig, OptimiserConfig
from camera_relocalization_ros.learning.losses import PoseLoss
from camera_relocalization_ros.learning.optimisation import HELD_OUT_LOSS, build_optimiser

Batch = "tuple[torch.Tensor, torch.Tensor, torch.Tensor]"


class PoseTraining(lightning.LightningModule):
    """Trains `network`: stored features of windows (b, t, c, n) -> positions (b, t, 3), quaternions (b, t, 4).

    Every frame of a window is asked for its pose; what is measured on held-out data is its newest frame.
    """

    def __init__(self, network: nn.Module, loss: LossConfig, optimiser: OptimiserConfig) -> None:
        super().__init__()
        self.network = network
        self.loss = PoseLoss(loss)
        self._config = optimiser
        self._errors: list[np.ndarray] = []
        self.average = None
        if optimiser.ema_decay:
            self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(optimiser.ema_decay))
            # it follows by averaging; without this, processes would wait for its gradients
            self.average.requires_grad_(False)

    @property
    def answering(self) -> nn.Module:
        """The network whose answers count: the average of the weights, where one is kept."""
        return self.network if self.average is None else self.average.module

    def training_step(self, batch: Batch, _index: int) -> torch.Tensor:
        loss = self._batch_loss(self.network, batch)[0]
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)
        return loss

    def on_train_batch_end(self, *_arguments: Any) -> None:
        if self.average is not None:
            self.average.update_parameters(self.network)

    def validation_step(self, batch: Batch, _index: int) -> None:
        loss, position_est, quat_est = self._batch_loss(self.answering, batch)
        _, position_bt3, quat_bt4 = batch
        newest = (value[:, -1].float().cpu().numpy() for value in (position_est, quat_est, position_bt3, quat_bt4))
        errors = pose_errors(*newest)
        self._errors.append(np.stack([errors.position_m, errors.orientation_deg]))
        self.log(HELD_OUT_LOSS, loss, batch_size=len(position_bt3))

    def on_validation_epoch_end(self) -> None:
        position_m, orientation_deg = np.median(np.concatenate(self._errors, axis=1), axis=1)
        self._errors.clear()
        self.log("val_position_m", float(position_m), prog_bar=True)
        self.log("val_orientation_deg", float(orientation_deg), prog_bar=True)

    def configure_optimizers(self) -> dict[str, Any]:
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return build_optimiser(parameters, self._config, int(self.trainer.estimated_stepping_batches))

    def _batch_loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cells_btcn, position_bt3, quat_bt4 = batch
        position_est, quat_est = network(cells_btcn)
        # frames are alike to the loss: (b * t, 3) and (b * t, 4)
        frames = (value.flatten(0, 1) for value in (position_est, quat_est, position_bt3, quat_bt4))
        return self.loss(*frames), position_est, quat_est

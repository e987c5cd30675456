# SPDX-License-Identifier: BSD-3-Clause
"""The Lightning module: a head, its loss, the average of its weights, and what is measured in every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Tuple, Union, cast

import lightning
import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import pose_errors
from camera_relocalization_ros.training.config import LossConfig, OptimiserConfig
from camera_relocalization_ros.training.losses import PoseLoss
from camera_relocalization_ros.training.optimisation import HELD_OUT_LOSS, build_optimiser
from camera_relocalization_ros.training.pose_network import PoseNetwork, mean_pose

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerConfig, OptimizerLRSchedulerConfig

# of the errors of an epoch beside their median, as the code of the thesis logs them (models/metrics.py)
EPOCH_STATISTICS: dict[str, Callable[[np.ndarray], Any]] = {
    "mean": np.mean,
    "max": np.max,
    "std": np.std,
    "min": np.min,
    "rmse": lambda values: np.sqrt(np.mean(np.square(values))),
}
QUANTITIES = (("position", "m"), ("orientation", "deg"))
# features, positions, quaternions, and of sequences whose state is carried the rows of the batch before
Batch = Tuple[torch.Tensor, ...]
Tensors = Union[Tuple[torch.Tensor, ...], List[torch.Tensor]]


def averaging(decay: float) -> Callable[[Tensors, Tensors, Union[torch.Tensor, int]], None]:
    """An update for AveragedModel that forgets sooner while the training is young, however small the data.

    With `decay` alone, what is left of the first weights after 100 steps at 0.995 is 0.6 of the average.
    """

    def update(averaged: Tensors, current: Tensors, count: torch.Tensor | int) -> None:
        # as TensorFlow's ExponentialMovingAverage does with num_updates
        warm = (1.0 + int(count)) / (10.0 + int(count))
        get_ema_multi_avg_fn(min(decay, warm))(averaged, current, count)

    return update


class CarriedState:
    """The state that the rows of a batch left; no gradient goes back into the batch that it comes from."""

    def __init__(self) -> None:
        self._state_bms: torch.Tensor | None = None

    def rows(self, before_b: torch.Tensor) -> torch.Tensor | None:
        """That of some rows (b, m, s), zero for those of -1, which begin anew; None where all do."""
        if self._state_bms is None or bool((before_b < 0).all()):
            return None
        return self._state_bms[before_b.clamp_min(0)] * (before_b >= 0)[:, None, None]

    def keep(self, state_bms: torch.Tensor) -> None:
        """For the next batch."""
        self._state_bms = state_bms.detach()


class PoseTraining(lightning.LightningModule):
    """Trains a network on stored features of windows.

    Every member of the head learns the pose of every frame of a window; what is measured on held-out data is the
    estimate for its newest frame. The state of a head that carries one begins anew with each sequence, and each epoch.
    """

    def __init__(self, network: PoseNetwork, loss: LossConfig, optimiser: OptimiserConfig) -> None:
        super().__init__()
        self.network = network
        self.loss = PoseLoss(loss)
        self._config = optimiser
        # position (3) and quaternion (4) of estimate and truth, batch by batch
        self._held_out: list[list[np.ndarray]] = []
        self.held_out: tuple[Poses, Poses] | None = None
        self._carried, self._carried_held_out = CarriedState(), CarriedState()
        self.average = None
        if optimiser.ema_decay:
            self.average = AveragedModel(network, multi_avg_fn=averaging(optimiser.ema_decay))
            # it follows by averaging; without this, processes would wait for its gradients
            self.average.requires_grad_(False)

    @property
    def estimator(self) -> PoseNetwork:
        """The network whose estimates count: the average of the weights, where one is kept."""
        return self.network if self.average is None else cast(PoseNetwork, self.average.module)

    def training_step(self, batch: Batch, _index: int) -> torch.Tensor:
        cells_btcn, position_bt3, quat_bt4, *before = batch
        if before:
            position_btm3, quat_btm4, state_bms = self.network.continued(cells_btcn, self._carried.rows(*before))
            self._carried.keep(state_bms)
        else:
            position_btm3, quat_btm4 = self.network.member_poses(cells_btcn)
        loss = self._loss(
            position_btm3,
            quat_btm4,
            position_bt3[:, :, None].expand_as(position_btm3),
            quat_bt4[:, :, None].expand_as(quat_btm4),
        )
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)
        return loss

    def on_train_batch_end(self, *_arguments: Any) -> None:
        if self.average is not None:
            self.average.update_parameters(self.network)

    def on_train_epoch_end(self) -> None:
        self._check_finite()

    def on_validation_epoch_start(self) -> None:
        # it comes before the end of the epoch
        self._check_finite()

    def validation_step(self, batch: Batch, _index: int) -> None:
        cells_btcn, position_bt3, quat_bt4, *before = batch
        estimates = self._continued_frames(cells_btcn, *before) if before else self.estimator(cells_btcn)
        values = (*estimates, position_bt3, quat_bt4)
        newest = [value[:, -1].float().cpu().numpy() for value in values]
        self._held_out.append(newest)
        self.log(HELD_OUT_LOSS, self._loss(*values), batch_size=len(position_bt3))

    def _continued_frames(self, cells_n1cm: torch.Tensor, before_1: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (n, 1, 3) and quaternions (n, 1, 4) of n frames that follow each other."""
        state_1ms = self._carried_held_out.rows(before_1)
        position_1nm3, quat_1nm4, state_1ms = self.estimator.continued(cells_n1cm.transpose(0, 1), state_1ms)
        self._carried_held_out.keep(state_1ms)
        position_1n3, quat_1n4 = mean_pose(position_1nm3, quat_1nm4)
        return position_1n3.transpose(0, 1), quat_1n4.transpose(0, 1)

    def on_validation_epoch_end(self) -> None:
        newest = [np.concatenate(parts) for parts in zip(*self._held_out)]
        self._held_out.clear()
        # of the last epoch, for whoever wants to draw it
        self.held_out = Poses(*newest[:2]), Poses(*newest[2:])
        errors = pose_errors(*self.held_out)
        for (quantity, unit), values in zip(QUANTITIES, (errors.position_m, errors.orientation_deg)):
            self.log(f"val_{quantity}_{unit}", float(np.median(values)), prog_bar=True)
            for name, statistic in EPOCH_STATISTICS.items():
                self.log(f"val_{quantity}_{name}_{unit}", float(statistic(values)))

    def configure_optimizers(self) -> OptimizerConfig | OptimizerLRSchedulerConfig:
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return build_optimiser(parameters, self._config, int(self.trainer.estimated_stepping_batches))

    def _check_finite(self) -> None:
        if not all(torch.isfinite(parameter).all() for parameter in self.parameters()):
            raise ConfigError(
                f"training diverged in epoch {self.current_epoch}: weights are not finite; "
                "lower learning_rate, or train in precision 32"
            )

    def _loss(self, *values: torch.Tensor) -> torch.Tensor:
        """Of estimates and truths of any leading shape: frames and members are alike to it."""
        return self.loss(*(value.flatten(0, -2) for value in values))

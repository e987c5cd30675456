# SPDX-License-Identifier: BSD-3-Clause
"""Lightning's trainer as it is used here: logs, checkpoints, and going on after a kill."""

from __future__ import annotations

import contextlib
import csv
import logging
import warnings
from pathlib import Path
from typing import Any, Iterator, Sequence

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.utils.data import DataLoader, Sampler

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.output_files import new_file, writing
from camera_relocalization_ros.training.config import OptimiserConfig
from camera_relocalization_ros.training.devices import process, trainer_precision, trainer_processes
from camera_relocalization_ros.training.job import CHECKPOINTS, Job, WholeCheckpoints, sound_checkpoint
from camera_relocalization_ros.training.log_levels import log_level
from camera_relocalization_ros.training.optimisation import (
    HELD_OUT_LOSS,
    PLATEAU,
    PlateauSchedule,
    ResumableEarlyStopping,
)
from camera_relocalization_ros.training.pose_training import EPOCH_STATISTICS, QUANTITIES, PoseTraining
from camera_relocalization_ros.training.samples import (
    ChainedDraws,
    Chains,
    OrderedDraws,
    StretchDraws,
    TrainingDraws,
    WindowSamples,
)

# of epochs.csv and TensorBoard, and too many for a summary
DETAILS = {f"val_{what}_{name}_{unit}" for what, unit in QUANTITIES for name in EPOCH_STATISTICS}
LAST, BEST, EPOCHS = "last", "best", "epochs.csv"
logger = logging.getLogger(__name__)


def fit(
    module: PoseTraining,
    samples: WindowSamples | Chains,
    val_samples: WindowSamples | Chains | None,
    optimiser: OptimiserConfig,
    precision: str,
    seed: int,
    run_folder: Path,
    job: Job,
    callbacks: Sequence[lightning.Callback] = (),
) -> dict[str, float]:
    """Train `module` and return the last metrics; an interrupted training of the same `job` is taken up again.

    Raises ConfigError when `run_folder` holds an interrupted training of another job, or when batches cannot be shared.
    """
    rank = process().rank
    if rank == 0:
        job.begin(run_folder)
    last, best = (run_folder / CHECKPOINTS / f"{name}.ckpt" for name in (LAST, BEST))
    going_on = sound_checkpoint(last, module, sets_aside=rank == 0)
    if going_on is not None and rank == 0:
        logger.info("going on with the training of %s", run_folder)
    loader = _training_loader(samples, optimiser, seed)
    val_loader = _held_out_loader(val_samples) if val_samples is not None else None
    table = EpochTable(run_folder / EPOCHS)
    with _quiet_lightning():
        trainer = _trainer(optimiser, precision, run_folder, [*callbacks, table])
        with writing(run_folder, ConfigError, "the training's checkpoint or table "), _interrupted_as_others():
            trainer.fit(module, loader, val_loader, ckpt_path=going_on)
        # the trainer's own are empty where a training is taken up again that had no epoch left
        metrics = dict(table.metrics)
        if optimiser.patience:
            module.load_state_dict(torch.load(best, map_location="cpu", weights_only=True)["state_dict"])
            metrics.update(trainer.validate(module, val_loader, verbose=False)[0])
        trainer.strategy.barrier()
    module.eval().cpu()
    kept = {name: value for name, value in metrics.items() if name not in DETAILS}
    return {"epochs": len(table.rows), **{name: round(float(value), 4) for name, value in kept.items()}}


@contextlib.contextmanager
def _interrupted_as_others() -> Iterator[None]:
    """KeyboardInterrupt for what Lightning makes of Ctrl-C and of SIGTERM."""
    try:
        yield
    except (SystemExit, SIGTERMException) as error:
        raise KeyboardInterrupt from error


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Lightning's tips, and its remarks on what is done here on purpose, would bury the progress."""
    with log_level("lightning.pytorch", logging.WARNING), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        yield


def _training_loader(samples: WindowSamples | Chains, optimiser: OptimiserConfig, seed: int) -> DataLoader:
    if isinstance(samples, Chains):
        return _loader(samples.samples, ChainedDraws(samples, optimiser.batch_size, seed))
    rank, processes = process()
    return _loader(samples, TrainingDraws(samples, optimiser.batch_size, seed, rank, processes, optimiser.parts))


def _held_out_loader(samples: WindowSamples | Chains) -> DataLoader:
    if isinstance(samples, Chains):
        return _loader(samples.samples, StretchDraws(samples))
    return _loader(samples, OrderedDraws(samples))


def _loader(samples: WindowSamples, draws: Sampler) -> DataLoader:
    # the sampler's items are whole batches
    return DataLoader(samples, sampler=draws, batch_size=None)


def _trainer(
    config: OptimiserConfig, precision: str, run_folder: Path, callbacks: Sequence[lightning.Callback]
) -> lightning.Trainer:
    watching: list[lightning.Callback] = []
    if config.schedule == PLATEAU:
        watching.append(PlateauSchedule(config))
    folder = run_folder / CHECKPOINTS
    if config.patience:
        watching.append(ResumableEarlyStopping(HELD_OUT_LOSS, patience=config.patience))
        watching.append(ModelCheckpoint(folder, BEST, HELD_OUT_LOSS, enable_version_counter=False))
    # last in the list: its checkpoint holds what the others know after the epoch
    watching.append(ModelCheckpoint(folder, LAST, enable_version_counter=False, save_on_train_epoch_end=True))
    return lightning.Trainer(
        max_epochs=config.epochs,
        logger=TensorBoardLogger(str(run_folder), name="tensorboard", version=""),
        callbacks=[*callbacks, *watching],
        default_root_dir=str(run_folder),
        precision=trainer_precision(precision),
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        plugins=[WholeCheckpoints()],
        log_every_n_steps=1,
        **trainer_processes(),
    )


class EpochTable(lightning.Callback):
    """One line of epochs.csv per epoch, and the last epoch's metrics.

    Both are part of the checkpoint, so a resumed training has them whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[dict[str, float]] = []
        self.metrics: dict[str, float] = {}

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        row = {"epoch": trainer.current_epoch, "learning_rate": trainer.optimizers[0].param_groups[0]["lr"]}
        self.metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        row.update(self.metrics)
        assert isinstance(pl_module, PoseTraining)
        row.update({name: value.item() for name, value in pl_module.loss.named_parameters()})
        self.rows.append(row)
        if trainer.is_global_zero:
            with new_file(self._path) as path, open(path, "w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, fieldnames=list(row))
                table.writeheader()
                table.writerows(self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "metrics": self.metrics}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.metrics = list(state_dict["rows"]), dict(state_dict["metrics"])

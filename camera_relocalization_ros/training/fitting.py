# SPDX-License-Identifier: BSD-3-Clause
"""Lightning's trainer as it is used here: processes, precision, logs, checkpoints, and going on after a kill."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import shutil
import warnings
from pathlib import Path
from typing import Any, Sequence

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import TorchElasticEnvironment
from torch.utils.data import DataLoader, Sampler

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.output_files import new_file, write_text, writing
from camera_relocalization_ros.training.config import OptimiserConfig
from camera_relocalization_ros.training.optimisation import (
    HELD_OUT_LOSS,
    PLATEAU,
    PlateauSchedule,
    ResumableEarlyStopping,
)
from camera_relocalization_ros.training.pose_training import PoseTraining
from camera_relocalization_ros.training.run_folder import SUMMARY
from camera_relocalization_ros.training.samples import OrderedDraws, TrainingDraws, WindowSamples

PRECISIONS = ("auto", "32", "16-mixed", "bf16-mixed")
CHECKPOINTS, JOB, LAST, BEST, EPOCHS = "checkpoints", "job.json", "last", "best", "epochs.csv"
logger = logging.getLogger(__name__)


def process() -> tuple[int, int]:
    """Number of this process and of all that train together; (0, 1) unless torchrun started it."""
    if not TorchElasticEnvironment.detect():
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def fit(
    module: PoseTraining,
    samples: WindowSamples,
    val_samples: WindowSamples | None,
    optimiser: OptimiserConfig,
    precision: str,
    seed: int,
    run_folder: Path,
    job: dict[str, Any],
    callbacks: Sequence[lightning.Callback] = (),
) -> dict[str, float]:
    """Train `module` and return the last metrics; an interrupted training of the same `job` is taken up again.

    Raises ConfigError when `run_folder` holds an interrupted training of another job, or when batches cannot be shared.
    """
    # Lightning's tips and its remarks on what is done here on purpose would bury the progress
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    folder = run_folder / CHECKPOINTS
    rank, processes = process()
    if rank == 0:
        _prepare(folder, job)
    draws = TrainingDraws(samples, optimiser.batch_size, seed, rank, processes)
    loaders = {"train_dataloaders": _loader(samples, draws)}
    if val_samples is not None:
        loaders["val_dataloaders"] = _loader(val_samples, OrderedDraws(val_samples))
    table = EpochTable(run_folder / EPOCHS)
    trainer = _trainer(optimiser, precision, run_folder, [*callbacks, table])
    last = folder / f"{LAST}.ckpt"
    if last.is_file() and rank == 0:
        logger.info("going on with the training of %s", run_folder)
    trainer.fit(module, ckpt_path=last if last.is_file() else None, **loaders)
    # the trainer's own are empty where a training is taken up again that had no epoch left
    metrics = dict(table.metrics)
    if optimiser.patience:
        best = torch.load(folder / f"{BEST}.ckpt", map_location="cpu", weights_only=True)
        module.load_state_dict(best["state_dict"])
        metrics.update(trainer.validate(module, loaders["val_dataloaders"], verbose=False)[0])
    trainer.strategy.barrier()
    module.eval().cpu()
    return {"epochs": len(table.rows), **{name: round(float(value), 4) for name, value in metrics.items()}}


def remove_checkpoints(run_folder: Path) -> None:
    """A finished training needs none."""
    shutil.rmtree(run_folder / CHECKPOINTS, ignore_errors=True)


def check_job(run_folder: Path, job: dict[str, Any]) -> None:
    """Raises ConfigError when `run_folder` holds an interrupted training of another job."""
    folder = run_folder / CHECKPOINTS
    path = folder / JOB
    if path.is_file() and path.read_text(encoding="utf-8") != _digest(job):
        raise ConfigError(
            f"{run_folder}: holds an interrupted training of another recipe or other data; "
            f"repeat that one to finish it, delete {folder}, or choose another folder"
        )


def _digest(job: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()


def _prepare(folder: Path, job: dict[str, Any]) -> None:
    check_job(folder.parent, job)
    with writing(folder.parent, ConfigError):
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / JOB, _digest(job), ConfigError)
        # what was finished here before is no longer: its files are about to be replaced
        (folder.parent / SUMMARY).unlink(missing_ok=True)


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
        log_every_n_steps=1,
        **trainer_processes(),
    )


def trainer_processes() -> dict[str, Any]:
    """How Lightning's trainer shares the work; raises ConfigError for more processes on a machine than it has GPUs."""
    _, processes = process()
    if processes == 1:
        return {"devices": 1}
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    if torch.cuda.is_available() and local > torch.cuda.device_count():
        raise ConfigError(
            f"{local} processes on a machine with {torch.cuda.device_count()} GPU(s); expected at most one for each "
            "(--nproc-per-node), or none that torch sees (CUDA_VISIBLE_DEVICES=) to train on processors"
        )
    return {"strategy": "ddp", "devices": local, "num_nodes": processes // local}


def trainer_precision(name: str) -> str:
    """Lightning's name for one of PRECISIONS on this machine; raises ConfigError for another name."""
    if name not in PRECISIONS:
        raise ConfigError(f"precision is {name!r}; expected one of {', '.join(PRECISIONS)}")
    if name == "auto":
        name = _fast_precision()
    return name if "mixed" in name else "32-true"


def _fast_precision() -> str:
    """Mixed where this machine multiplies it faster: a GPU, and processors with products of bf16 (AMX, AVX-512)."""
    if torch.cuda.is_available():
        return "16-mixed"
    # bf16 halves the time of a training step with either; without them it is emulated, and slower. torch 2.4 on has
    # the questions, under private names until get_capabilities came
    questions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    is_fast = any(getattr(torch.cpu, question, lambda: False)() for question in questions)
    return "bf16-mixed" if is_fast else "32"


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

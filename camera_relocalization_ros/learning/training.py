# SPDX-License-Identifier: BSD-3-Clause
"""Trains a head on cached features with Lightning: data sets in, run folder out."""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path
from typing import Any, Sequence

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

from camera_relocalization_ros.core.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.evaluation import pose_errors
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.core.retrieval import RetrievalIndex
from camera_relocalization_ros.learning.backbones import build_backbone
from camera_relocalization_ros.learning.config import AugmentationConfig, OptimiserConfig, TrainingConfig
from camera_relocalization_ros.learning.feature_cache import FeatureCache, FrozenPart, build_cache
from camera_relocalization_ros.learning.losses import PoseLoss
from camera_relocalization_ros.learning.pose_network import PooledBackbone, PoseHead
from camera_relocalization_ros.learning.run_folder import Run
from camera_relocalization_ros.learning.samples import Source, WindowSamples, windows_of

# how often a window is cut to its newest frame, because flight starts, and starts again, with one frame
SHORT_WINDOW_SHARE = 0.25


class PoseTraining(lightning.LightningModule):
    """The head, its loss and the optimiser's schedule; every frame of a window is asked for its pose."""

    def __init__(self, pose_head: PoseHead, config: TrainingConfig) -> None:
        super().__init__()
        self.pose_head = pose_head
        self.loss = PoseLoss(config.loss)
        self._optimiser_config: OptimiserConfig = config.optimiser
        self._errors: list[np.ndarray] = []

    def training_step(self, batch: tuple[torch.Tensor, ...], _index: int) -> torch.Tensor:
        cells_btcn, position_bt3, quat_bt4 = batch
        if cells_btcn.shape[1] > 1 and torch.rand(()) < SHORT_WINDOW_SHARE:
            cells_btcn, position_bt3, quat_bt4 = cells_btcn[:, -1:], position_bt3[:, -1:], quat_bt4[:, -1:]
        position_est, quat_est = self.pose_head(cells_btcn)
        loss = self.loss(
            position_est.flatten(0, 1), quat_est.flatten(0, 1), position_bt3.flatten(0, 1), quat_bt4.flatten(0, 1)
        )
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, ...], _index: int) -> None:
        cells_btcn, position_bt3, quat_bt4 = batch
        position_est, quat_est = self.pose_head(cells_btcn)
        newest = (value[:, -1].cpu().numpy() for value in (position_est, quat_est, position_bt3, quat_bt4))
        errors = pose_errors(*newest)
        self._errors.append(np.stack([errors.position_m, errors.orientation_deg]))

    def on_validation_epoch_end(self) -> None:
        position_m, orientation_deg = np.median(np.concatenate(self._errors, axis=1), axis=1)
        self._errors.clear()
        self.log("val_position_m", float(position_m), prog_bar=True)
        self.log("val_orientation_deg", float(orientation_deg), prog_bar=True)

    def configure_optimizers(self) -> dict[str, Any]:
        config = self._optimiser_config
        optimiser = torch.optim.AdamW(self.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        steps = max(int(self.trainer.estimated_stepping_batches), 2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, steps, pct_start=0.1)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train(
    datasets: list[Dataset],
    val_datasets: list[Dataset],
    config: TrainingConfig,
    run_folder: Path,
    cache_folder: Path,
    callbacks: Sequence[lightning.Callback] = (),
) -> Run:
    """Train by the recipe and write the run; features go to, or come from, `cache_folder`.

    `callbacks` see each epoch's train_loss, and val_position_m and val_orientation_deg where there is held-out data.

    Raises DatasetError when the data sets do not belong together or hold no window of the head's length.
    """
    started = time.monotonic()
    # Lightning's tips and its remarks on what is done here on purpose would bury the progress
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    check_same_frames(datasets + val_datasets)
    lightning.seed_everything(config.seed, verbose=False)
    frozen = _frozen_part(datasets[0], config)
    caches = [build_cache(dataset, frozen, config.augmentation, cache_folder) for dataset in datasets]
    original_only = AugmentationConfig(views=0)
    val_caches = [build_cache(dataset, frozen, original_only, cache_folder) for dataset in val_datasets]
    cached_s = time.monotonic() - started

    pose_head = PoseHead(frozen.network.backbone.feature_channels, config.head)
    originals = np.concatenate([cache.poses[:, 0] for cache in caches])
    pose_head.fit_positions(originals[:, :3])
    module = PoseTraining(pose_head, config)
    samples = _samples(datasets, caches, pose_head.window_length, config)
    val_samples = _samples(val_datasets, val_caches, pose_head.window_length, config)
    metrics = _fit(module, samples, val_samples, config, run_folder, callbacks)

    index = RetrievalIndex.build(np.concatenate([c.descriptors for c in caches]), originals[:, :3], originals[:, 3:])
    results = {
        "datasets": [f"{dataset.path.name}: {dataset.frame_count} frames" for dataset in datasets],
        "caching_s": round(cached_s, 1),
        "training_s": round(time.monotonic() - started - cached_s, 1),
        **metrics,
    }
    first = datasets[0]
    run = Run(
        config, first.parent_frame, first.child_frame, first.camera, frozen.preprocessing, pose_head, index, results
    )
    run.save(run_folder)
    return run


def check_same_frames(datasets: list[Dataset]) -> None:
    """Raises DatasetError when poses of different frames would be mixed."""
    first = datasets[0]
    for other in datasets[1:]:
        if (other.parent_frame, other.child_frame) != (first.parent_frame, first.child_frame):
            raise DatasetError(
                f"{other.path}: poses of {other.child_frame!r} in {other.parent_frame!r}; "
                f"expected {first.child_frame!r} in {first.parent_frame!r} as in {first.path}"
            )


def _frozen_part(dataset: Dataset, config: TrainingConfig) -> FrozenPart:
    backbone = build_backbone(config.backbone)
    height, width = load_image_rgb(dataset.frames[0].image_path).shape[:2]
    preprocessing = Preprocessing.for_image(backbone.input_width, width, height)
    network = PooledBackbone(backbone, preprocessing.width, preprocessing.height, config.head)
    return FrozenPart(network, preprocessing, config)


def _samples(
    datasets: list[Dataset], caches: list[FeatureCache], length: int, config: TrainingConfig
) -> WindowSamples | None:
    if not datasets:
        return None
    windows = [windows_of(dataset, length, config.head.max_gap_s) for dataset in datasets]
    samples = WindowSamples([Source(cache, w) for cache, w in zip(caches, windows)])
    if not len(samples):
        raise DatasetError(
            f"{', '.join(str(d.path) for d in datasets)}: no {length} consecutive frames within "
            f"{config.head.max_gap_s} s; expected at least one window"
        )
    return samples


def _fit(
    module: PoseTraining,
    samples: WindowSamples,
    val_samples: WindowSamples | None,
    config: TrainingConfig,
    run_folder: Path,
    callbacks: Sequence[lightning.Callback],
) -> dict[str, float]:
    size = config.optimiser.batch_size
    batches = BatchSampler(RandomSampler(samples), size, drop_last=len(samples) > size)
    loaders = {"train_dataloaders": DataLoader(samples, sampler=batches, batch_size=None)}
    if val_samples is not None:
        val_batches = BatchSampler(SequentialSampler(val_samples), 256, drop_last=False)
        loaders["val_dataloaders"] = DataLoader(val_samples, sampler=val_batches, batch_size=None)
    trainer = lightning.Trainer(
        max_epochs=config.optimiser.epochs,
        logger=CSVLogger(str(run_folder), name="", version="metrics"),
        default_root_dir=str(run_folder),
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    trainer.fit(module, **loaders)
    module.pose_head.eval().cpu()
    return {name: round(float(value), 4) for name, value in trainer.callback_metrics.items()}

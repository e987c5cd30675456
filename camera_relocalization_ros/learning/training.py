# SPDX-License-Identifier: BSD-3-Clause
"""Trains a head on cached features: data sets in, run folder out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Sequence

import lightning
import numpy as np

from camera_relocalization_ros.core.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.core.retrieval import RetrievalIndex
from camera_relocalization_ros.learning.backbones import build_backbone
from camera_relocalization_ros.learning.config import AugmentationConfig, TrainingConfig
from camera_relocalization_ros.learning.feature_cache import FeatureCache, FrozenPart, build_cache
from camera_relocalization_ros.learning.fitting import fit, process, remove_checkpoints
from camera_relocalization_ros.learning.optimisation import check_optimiser
from camera_relocalization_ros.learning.pose_network import PooledBackbone, PoseHead
from camera_relocalization_ros.learning.pose_training import PoseTraining
from camera_relocalization_ros.learning.run_folder import Run
from camera_relocalization_ros.learning.samples import Source, WindowSamples, windows_of

ORIGINALS_ONLY = AugmentationConfig(views=0)


def train(
    datasets: list[Dataset],
    val_datasets: list[Dataset],
    config: TrainingConfig,
    run_folder: Path,
    cache_folder: Path,
    callbacks: Sequence[lightning.Callback] = (),
) -> Run:
    """Train by the recipe and write the run; features go to, or come from, `cache_folder`.

    A training that was interrupted goes on where it was, when recipe and data are the same. Under torchrun every
    process calls this; the first one writes. `callbacks` see each epoch's train_loss, and val_loss, val_position_m
    and val_orientation_deg where there is held-out data.
    Raises DatasetError when the data sets do not belong together or hold no window of the head's length, and
    ConfigError for a recipe that cannot be.
    """
    started = time.monotonic()
    check_same_frames(datasets + val_datasets)
    check_optimiser(config.optimiser, bool(val_datasets))
    lightning.seed_everything(config.seed, verbose=False)
    frozen = _frozen_part(datasets[0], config)
    caches = [build_cache(dataset, frozen, config.augmentation, cache_folder) for dataset in datasets]
    val_caches = [build_cache(dataset, frozen, ORIGINALS_ONLY, cache_folder) for dataset in val_datasets]
    cached_s = time.monotonic() - started

    pose_head = PoseHead(frozen.network.backbone.feature_channels, config.head)
    originals = np.concatenate([cache.poses[:, 0] for cache in caches])
    pose_head.fit_positions(originals[:, :3])
    module = PoseTraining(pose_head, config)
    samples = _samples(datasets, caches, pose_head.window_length, config)
    val_samples = _samples(val_datasets, val_caches, pose_head.window_length, config)
    job = {
        "recipe": config.to_dict(),
        "data": [frozen.fingerprint(dataset, config.augmentation) for dataset in datasets],
        "held_out": [frozen.fingerprint(dataset, ORIGINALS_ONLY) for dataset in val_datasets],
    }
    metrics = fit(module, samples, val_samples, config, run_folder, job, callbacks)

    index = RetrievalIndex.build(np.concatenate([c.descriptors for c in caches]), originals[:, :3], originals[:, 3:])
    results = {
        "datasets": [f"{dataset.path.name}: {dataset.frame_count} frames" for dataset in datasets],
        "caching_s": round(cached_s, 1),
        "training_s": round(time.monotonic() - started - cached_s, 1),
        **metrics,
    }
    first = datasets[0]
    run = Run(
        config,
        first.parent_frame,
        first.child_frame,
        first.camera,
        frozen.preprocessing,
        module.answering,
        index,
        results,
    )
    if process()[0] == 0:
        run.save(run_folder)
        remove_checkpoints(run_folder)
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

# SPDX-License-Identifier: BSD-3-Clause
"""Trains a head on cached features, or fine-tunes the tail with it: data sets in, run folder out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Sequence

import lightning
import numpy as np
import torch
from torch import nn

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.provenance import training_set
from camera_relocalization_ros.fleet.engine import Engine, Here, engine_at
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.checks import check_training, image_size
from camera_relocalization_ros.training.config import ORIGINALS_ONLY, HeadConfig, TrainingConfig
from camera_relocalization_ros.training.devices import process
from camera_relocalization_ros.training.features.channel_mean import with_channel_mean
from camera_relocalization_ros.training.features.feature_cache import FeatureCache, FrozenPart, build_cache
from camera_relocalization_ros.training.fitting import fit
from camera_relocalization_ros.training.job import Job, remove_checkpoints
from camera_relocalization_ros.training.pose_network import (
    PooledBackbone,
    PoseHead,
    PoseNetwork,
    Tail,
    Trunk,
    pooled_channels,
)
from camera_relocalization_ros.training.pose_training import PoseTraining
from camera_relocalization_ros.training.run_folder import Run
from camera_relocalization_ros.training.samples import Chains, WindowSamples, own_rows, windows_of

CACHE_FOLDER = "feature_cache"
# images whose features go through the tail together
ROWS_AT_ONCE = 64


def train(
    datasets: Sequence[Dataset],
    config: TrainingConfig,
    run_folder: Path,
    *,
    val_datasets: Sequence[Dataset] = (),
    cache_folder: Path | None = None,
    start: Run | None = None,
    callbacks: Sequence[lightning.Callback] = (),
    dask: str = "",
) -> Run:
    """Train on `datasets` by the recipe `config` and write the run to `run_folder`.

    Held-out `val_datasets` are watched while training. Features of the frozen part come from `cache_folder`, and are
    put there where they are missing; by default it is the folder feature_cache beside the run's.

    Without `start` a head is trained on the features of the frozen backbone. With it, the head of that run goes on,
    together with the backbone's tail, by the recipe's section `finetune`; its backbone and head are taken over.

    A training that was interrupted goes on where it was, when recipe and data are the same. Under torchrun every
    process calls this; the first one writes. `callbacks` see each epoch's train_loss, and val_loss, val_position_m
    and val_orientation_deg where there is held-out data. dask: whose workers compute missing features, see engine_at.
    Raises DatasetError when the data sets do not belong together (frames, camera, size of images) or hold no window of
    the head's length, and ConfigError for a recipe that cannot be; both before features are computed.
    """
    started = time.monotonic()
    check_training(datasets, val_datasets, config, start)

    cache_folder = cache_folder or run_folder.parent / CACHE_FOLDER
    # what the backbone sees is decided by the training of the head
    config = replace(config, image=start.config.image) if start else with_channel_mean(config, datasets, cache_folder)

    # built in this order, because weights are drawn while it is done
    lightning.seed_everything(config.seed, verbose=False)
    frozen, network = _build(datasets, config, start)
    optimiser = config.optimiser if start is None else config.finetune
    module = PoseTraining(network, config.loss, optimiser)
    # its weights are part of what an interrupted training is known by, so the folder is the last to be checked
    job = Job.of(config, start, frozen, datasets, val_datasets)
    job.check(run_folder)

    pose_head = network.pose_head
    own = _own_rows(datasets, pose_head.window_length, config.head.max_gap_s, optimiser.parts)

    def features(engine: Engine, own: Sequence[np.ndarray | None]) -> list[FeatureCache]:
        places = zip(datasets, own)
        return [build_cache(data, frozen, config.augmentation, cache_folder, engine, rows) for data, rows in places]

    with engine_at(dask) as engine:
        caches = features(engine, own)
        val_caches = [build_cache(dataset, frozen, ORIGINALS_ONLY, cache_folder, engine) for dataset in val_datasets]
    cached = time.monotonic()

    origin = _origin(datasets, start)
    metrics = fit(
        module,
        _samples(pose_head, config.head, datasets, caches, origin),
        _held_out_samples(pose_head, config.head, val_datasets, val_caches, origin) if val_datasets else None,
        optimiser,
        precision=config.precision,
        seed=config.seed,
        run_folder=run_folder,
        job=job,
        callbacks=callbacks,
    )
    if process().rank == 0 and any(rows is not None for rows in own):
        # what is saved is about all images; the other processes have done theirs before they trained
        own = [None] * len(datasets)
        caches = features(Here(), own)

    run = Run(
        config=config,
        parent_frame=datasets[0].parent_frame,
        child_frame=datasets[0].child_frame,
        camera=datasets[0].typical_camera,
        preprocessing=frozen.preprocessing,
        pose_head=module.estimator.pose_head,
        index=_retrieval_index(caches, own, module.estimator, origin),
        results={
            "datasets": [f"{dataset.path.name}: {dataset.frame_count} frames" for dataset in datasets],
            "caching_s": round(cached - started, 1),
            "training_s": round(time.monotonic() - cached, 1),
            **metrics,
        },
        training_data=tuple(map(training_set, datasets)),
        tail=module.estimator.tail.weights() if isinstance(module.estimator.tail, Tail) else {},
        backbone_sha256=start.backbone_sha256 if start else frozen.backbone_sha256(),
    )
    if process().rank == 0:
        run.save(run_folder)
        remove_checkpoints(run_folder)
    return run


def _origin(datasets: Sequence[Dataset], start: Run | None) -> np.ndarray:
    """From where on (3,) the network's positions are: one for all data sets, since it has one output."""
    return start.position_origin if start else datasets[0].position_origin


def _build(datasets: Sequence[Dataset], config: TrainingConfig, start: Run | None) -> tuple[FrozenPart, PoseNetwork]:
    """The part that stays as it is, and what is trained on its features: a new head, or tail and head of `start`.

    Raises ConfigError for an unknown backbone, and when its weights are missing or other ones than those of `start`.
    """
    image = config.image
    backbone = start.backbone() if start else build_backbone(config.backbone, mean_rgb=image.channel_mean_rgb)
    size = Preprocessing.for_image(backbone.input_width, *image_size(datasets[0]), image.is_square)
    pooled_backbone = PooledBackbone(backbone, size.width, size.height, config.head)
    if start is None:
        pose_head = PoseHead(pooled_channels(backbone, config.head), config.head)
        origin = _origin(datasets, start)
        pose_head.fit_positions(np.concatenate([dataset.poses.positions for dataset in datasets]) - origin)
        return FrozenPart(pooled_backbone, size, config), PoseNetwork(nn.Identity(), pose_head)
    trunk = Trunk(backbone, size.width, size.height)
    # a run is loaded for inference; cuDNN has no gradients of recurrent layers in that mode
    pose_head = start.pose_head.train()
    return FrozenPart(trunk, size, config), PoseNetwork(Tail(pooled_backbone, trunk), pose_head)


def _samples(
    pose_head: PoseHead,
    head: HeadConfig,
    datasets: Sequence[Dataset],
    caches: Sequence[FeatureCache],
    origin: np.ndarray,
) -> WindowSamples | Chains:
    if pose_head.carries_state:
        return Chains.of(datasets, caches, pose_head.window_length, head.max_gap_s, head.state_frames, origin)
    return WindowSamples.of(datasets, caches, pose_head.window_length, head.max_gap_s, origin)


def _held_out_samples(
    pose_head: PoseHead,
    head: HeadConfig,
    datasets: Sequence[Dataset],
    caches: Sequence[FeatureCache],
    origin: np.ndarray,
) -> WindowSamples | Chains:
    """Each estimate sees what it would in flight: a state is carried until there is a gap."""
    if pose_head.carries_state:
        longest = max(dataset.frame_count for dataset in datasets)
        return Chains.of(datasets, caches, 1, head.max_gap_s, longest, origin)
    return WindowSamples.of(datasets, caches, pose_head.window_length, head.max_gap_s, origin)


def _own_rows(datasets: Sequence[Dataset], length: int, max_gap_s: float, parts: int) -> list[np.ndarray | None]:
    """Which frames of each data set this process reads; None: all of them."""
    rank, processes = process()
    if parts == 1 or processes == 1:
        return [None] * len(datasets)
    windows = [windows_of(dataset, length, max_gap_s) for dataset in datasets]
    return [*own_rows(windows, [dataset.frame_count for dataset in datasets], parts, rank, processes)]


def _retrieval_index(
    caches: list[FeatureCache], own: Sequence[np.ndarray | None], network: PoseNetwork, origin: np.ndarray
) -> RetrievalIndex:
    """Descriptors and poses of the original views of the frames that this process reads."""
    rows = [np.arange(len(cache.cells)) if some is None else some for cache, some in zip(caches, own)]
    descriptors = np.concatenate([_descriptors(cache, some, network) for cache, some in zip(caches, rows)])
    originals = np.concatenate([cache.poses[some, 0] for cache, some in zip(caches, rows)])
    return RetrievalIndex.build(descriptors, Poses.from_rows(originals), origin=origin)


def _descriptors(cache: FeatureCache, frames: np.ndarray, network: PoseNetwork) -> np.ndarray:
    """Global average of the original views' last feature maps (n, C) of some frames (n,)."""
    tail = network.tail
    if not isinstance(tail, Tail):
        return cache.descriptors_of(frames)
    with torch.inference_mode():
        stored = (cache.cells[frames[row : row + ROWS_AT_ONCE], 0] for row in range(0, len(frames), ROWS_AT_ONCE))
        cells = (tail(torch.from_numpy(some).float()) for some in stored)
        return np.concatenate([tail.pooled_backbone.descriptor(cells_bcn).numpy() for cells_bcn in cells])

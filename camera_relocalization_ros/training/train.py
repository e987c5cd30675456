# SPDX-License-Identifier: BSD-3-Clause
"""Trains a head on cached features, or fine-tunes the tail with it: data sets in, run folder out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Sequence

import lightning
import numpy as np
import torch
from torch import nn

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset, check_same_camera, check_same_frames, load_image_rgb
from camera_relocalization_ros.data.provenance import training_set
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.backbones.weights import tensors_digest
from camera_relocalization_ros.training.config import AugmentationConfig, TrainingConfig
from camera_relocalization_ros.training.features.feature_cache import FeatureCache, FrozenPart, build_cache
from camera_relocalization_ros.training.fitting import (
    check_job,
    fit,
    process,
    remove_checkpoints,
    trainer_precision,
    trainer_processes,
)
from camera_relocalization_ros.training.optimisation import check_optimiser
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
from camera_relocalization_ros.training.samples import Source, WindowSamples, shared_batch_size, windows_of

CACHE_FOLDER = "feature_cache"
ORIGINALS_ONLY = AugmentationConfig(views=0)
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
) -> Run:
    """Train on `datasets` by the recipe `config` and write the run to `run_folder`.

    Held-out `val_datasets` are watched while training. Features of the frozen part come from `cache_folder`, and are
    put there where they are missing; by default it is the folder feature_cache beside the run's.

    Without `start` a head is trained on the features of the frozen backbone. With it, the head of that run goes on,
    together with the backbone's tail, by the recipe's section `finetune`; its backbone and head are taken over.

    A training that was interrupted goes on where it was, when recipe and data are the same. Under torchrun every
    process calls this; the first one writes. `callbacks` see each epoch's train_loss, and val_loss, val_position_m
    and val_orientation_deg where there is held-out data.
    Raises DatasetError when the data sets do not belong together (frames, camera, size of images) or hold no window of
    the head's length, and ConfigError for a recipe that cannot be; both before features are computed.
    """
    started = time.monotonic()
    datasets, val_datasets = list(datasets), list(val_datasets)
    cache_folder = cache_folder or run_folder.parent / CACHE_FOLDER
    check_same_frames(datasets + val_datasets)
    check_same_camera(datasets + val_datasets)
    if start is not None:
        _check_start(start, datasets[0], config)
    optimiser = config.optimiser if start is None else config.finetune
    check_optimiser(optimiser, bool(val_datasets))
    lightning.seed_everything(config.seed, verbose=False)
    # all that a recipe or data can be refused for is built before hours may go into the cache
    trainer_precision(config.precision)
    trainer_processes()
    frozen = _frozen_part(datasets + val_datasets, config, start)
    published = start.backbone_sha256 if start else tensors_digest(frozen.network.backbone.state_dict()).hexdigest()
    network = _network(frozen, config, start, np.concatenate([dataset.positions_quats()[0] for dataset in datasets]))
    module = PoseTraining(network, config.loss, optimiser)
    windows = _windows(datasets, network.pose_head.window_length, config)
    val_windows = _windows(val_datasets, network.pose_head.window_length, config)
    items = sum(map(len, windows)) * (config.augmentation.views + 1)
    shared_batch_size(optimiser.batch_size, items, process()[1])
    job = _job(config, start, frozen, datasets, val_datasets)
    check_job(run_folder, job)

    caches = [build_cache(dataset, frozen, config.augmentation, cache_folder) for dataset in datasets]
    val_caches = [build_cache(dataset, frozen, ORIGINALS_ONLY, cache_folder) for dataset in val_datasets]
    cached_s = time.monotonic() - started
    samples = WindowSamples(list(map(Source, caches, windows)))
    val_samples = WindowSamples(list(map(Source, val_caches, val_windows))) if val_datasets else None
    metrics = fit(module, samples, val_samples, optimiser, config.precision, config.seed, run_folder, job, callbacks)
    results = {
        "datasets": [f"{dataset.path.name}: {dataset.frame_count} frames" for dataset in datasets],
        "caching_s": round(cached_s, 1),
        "training_s": round(time.monotonic() - started - cached_s, 1),
        **metrics,
    }
    run = replace(_run(config, datasets, frozen, module.answering, caches, results), backbone_sha256=published)
    if process()[0] == 0:
        run.save(run_folder)
        remove_checkpoints(run_folder)
    return run


def _job(
    config: TrainingConfig, start: Run | None, frozen: FrozenPart, datasets: list[Dataset], val_datasets: list[Dataset]
) -> dict[str, Any]:
    """What must be the same for an interrupted training to be taken up again."""
    return {
        # what lies behind its paths is part of the fingerprints
        "recipe": config.without_paths(),
        "start": start.weights_digest() if start else "",
        "data": [frozen.fingerprint(dataset, config.augmentation) for dataset in datasets],
        "held_out": [frozen.fingerprint(dataset, ORIGINALS_ONLY) for dataset in val_datasets],
    }


def _check_start(start: Run, dataset: Dataset, config: TrainingConfig) -> None:
    for what, found, expected in (
        ("backbone", config.backbone, start.config.backbone),
        ("head", config.head, start.config.head),
        ("frames", dataset.frame_pair, start.frame_pair),
        ("camera", dataset.camera, start.camera),
    ):
        if found != expected:
            raise ConfigError(f"fine-tuning starts from a run with {what} {expected}; found {found}")


def _frozen_part(datasets: list[Dataset], config: TrainingConfig, start: Run | None) -> FrozenPart:
    backbone = start.backbone() if start else build_backbone(config.backbone)
    if start is not None and not backbone.tail_layers:
        raise ConfigError(f"backbone {config.backbone} has no tail that could be fine-tuned")
    width, height = _image_size(datasets)
    size = Preprocessing.for_image(backbone.input_width, width, height)
    if start is not None:
        return FrozenPart(Trunk(backbone, size.width, size.height), size, config)
    return FrozenPart(PooledBackbone(backbone, size.width, size.height, config.head), size, config)


def _image_size(datasets: list[Dataset]) -> tuple[int, int]:
    """Width and height of the images of all; raises DatasetError when they differ: the network has one input."""
    sizes = [load_image_rgb(dataset.frames[0].image_path).shape[1::-1] for dataset in datasets]
    for dataset, (width, height) in zip(datasets, sizes):
        if (width, height) != sizes[0]:
            raise DatasetError(
                f"{dataset.path}: images of {width}x{height}; expected {sizes[0][0]}x{sizes[0][1]} as in "
                f"{datasets[0].path}"
            )
    return sizes[0]


def _network(frozen: FrozenPart, config: TrainingConfig, start: Run | None, positions: np.ndarray) -> PoseNetwork:
    """What is trained on the stored features; `positions` (N, 3) are those of the training images."""
    backbone, size = frozen.network.backbone, frozen.preprocessing
    if start is not None:
        pooled_backbone = PooledBackbone(backbone, size.width, size.height, config.head)
        # a run is loaded for answering; cuDNN has no gradients of recurrent layers in that mode
        return PoseNetwork(Tail(pooled_backbone, frozen.network), start.pose_head.train())
    pose_head = PoseHead(pooled_channels(backbone, config.head), config.head)
    pose_head.fit_positions(positions)
    return PoseNetwork(nn.Identity(), pose_head)


def _run(
    config: TrainingConfig,
    datasets: list[Dataset],
    frozen: FrozenPart,
    network: PoseNetwork,
    caches: list[FeatureCache],
    results: dict[str, Any],
) -> Run:
    descriptors = np.concatenate([_descriptors(cache, network) for cache in caches])
    originals = np.concatenate([cache.poses[:, 0] for cache in caches])
    return Run(
        config=config,
        parent_frame=datasets[0].parent_frame,
        child_frame=datasets[0].child_frame,
        camera=datasets[0].camera,
        preprocessing=frozen.preprocessing,
        pose_head=network.pose_head,
        index=RetrievalIndex.build(descriptors, originals[:, :3], originals[:, 3:]),
        results=results,
        training_data=tuple(map(training_set, datasets)),
        tail=network.tail.weights() if isinstance(network.tail, Tail) else {},
    )


def _descriptors(cache: FeatureCache, network: PoseNetwork) -> np.ndarray:
    """Global average of the original views' last feature maps (N, C)."""
    tail = network.tail
    if not isinstance(tail, Tail):
        return cache.descriptors
    with torch.inference_mode():
        stored = (cache.cells[row : row + ROWS_AT_ONCE, 0] for row in range(0, len(cache.cells), ROWS_AT_ONCE))
        cells = (tail(torch.from_numpy(some).float()) for some in stored)
        return np.concatenate([tail.pooled_backbone.descriptor(cells_bcn).numpy() for cells_bcn in cells])


def _windows(datasets: list[Dataset], length: int, config: TrainingConfig) -> list[np.ndarray]:
    """The windows (W, length) of each data set; raises DatasetError when all together have none."""
    windows = [windows_of(dataset, length, config.head.max_gap_s) for dataset in datasets]
    if datasets and not sum(map(len, windows)):
        raise DatasetError(
            f"{', '.join(str(d.path) for d in datasets)}: no {length} consecutive frames within "
            f"{config.head.max_gap_s} s; expected at least one window"
        )
    return windows

# SPDX-License-Identifier: BSD-3-Clause
"""All that a training can be refused for before anything is built: hours of work may come after."""

from __future__ import annotations

from typing import Sequence

import torch

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.data.dataset import Dataset, check_same_camera, check_same_frames, load_image_rgb
from camera_relocalization_ros.localization.camera_match import compare_cameras
from camera_relocalization_ros.training.backbones import BACKBONES
from camera_relocalization_ros.training.config import TrainingConfig
from camera_relocalization_ros.training.devices import process, trainer_precision, trainer_processes
from camera_relocalization_ros.training.heads import build_head
from camera_relocalization_ros.training.losses import PoseLoss
from camera_relocalization_ros.training.optimisation import check_optimiser
from camera_relocalization_ros.training.run_folder import Run
from camera_relocalization_ros.training.samples import shared_batch_size, windows_of


def check_training(
    datasets: Sequence[Dataset], val_datasets: Sequence[Dataset], config: TrainingConfig, start: Run | None
) -> None:
    """Raise DatasetError or ConfigError when data, recipe, start and machine do not go together.

    What the folder of the run holds is not looked at, nor whether the backbone's weights are there.
    """
    everything = [*datasets, *val_datasets]
    check_same_frames(everything)
    _check_same_camera(everything)
    _check_same_image_size(everything)
    if start is not None:
        _check_start(start, datasets[0], config)
    optimiser = config.optimiser if start is None else config.finetune
    check_optimiser(optimiser, held_out=bool(val_datasets))
    # constructors refuse what is not of their kind; on this device nothing is computed or kept
    with torch.device("meta"):
        head = build_head(1, config.head)
        PoseLoss(config.loss)
    windows = _count_windows(datasets, head.window_length, config.head.max_gap_s)
    if val_datasets:
        _count_windows(val_datasets, head.window_length, config.head.max_gap_s)
    trainer_precision(config.precision)
    trainer_processes()
    views, processes = config.augmentation.views + 1, process().world_size
    if not head.carries_state:
        shared_batch_size(optimiser.batch_size, windows, views, processes, optimiser.parts)
    elif processes > 1 or optimiser.parts > 1:
        raise ConfigError(
            f"head {config.head.name} carries its state from batch to batch, which is trained by one process; "
            f"found {processes} processes and optimiser.parts {optimiser.parts}"
        )


def _check_same_camera(datasets: Sequence[Dataset]) -> None:
    """A model is of one camera: data sets of several must have such that a model in flight would take for one."""
    several = [dataset for dataset in datasets if len(dataset.cameras) > 1]
    if not several:
        check_same_camera(list(datasets))
    for dataset in datasets if several else ():
        for camera in dataset.cameras:
            complaint = compare_cameras(camera, several[0].cameras[0])
            if complaint:
                raise DatasetError(
                    f"{dataset.path}: its cameras are too different to train one model: {complaint}; "
                    "train on parts of one camera each (reloc split)"
                )


def _check_same_image_size(datasets: Sequence[Dataset]) -> None:
    """The network has one input."""
    sizes = [image_size(dataset) for dataset in datasets]
    for dataset, (width, height) in zip(datasets, sizes):
        if (width, height) != sizes[0]:
            raise DatasetError(
                f"{dataset.path}: images of {width}x{height}; expected {sizes[0][0]}x{sizes[0][1]} as in "
                f"{datasets[0].path}"
            )


def image_size(dataset: Dataset) -> tuple[int, int]:
    """Width and height of the first image."""
    height, width = load_image_rgb(dataset.frames[0].image_path).shape[:2]
    return width, height


def _check_start(start: Run, dataset: Dataset, config: TrainingConfig) -> None:
    for what, found, expected in (
        ("backbone", config.backbone, start.config.backbone),
        ("head", config.head, start.config.head),
        ("frames", (dataset.parent_frame, dataset.child_frame), (start.parent_frame, start.child_frame)),
        ("camera", dataset.typical_camera, start.camera),
    ):
        if found != expected:
            raise ConfigError(f"fine-tuning starts from a run with {what} {expected}; found {found}")
    if not BACKBONES[config.backbone].tail_layers:
        raise ConfigError(f"backbone {config.backbone} has no tail that could be fine-tuned")


def _count_windows(datasets: Sequence[Dataset], length: int, max_gap_s: float) -> int:
    """How many windows of `length` frames all hold together; raises DatasetError where that is none."""
    count = sum(len(windows_of(dataset, length, max_gap_s)) for dataset in datasets)
    if not count:
        raise DatasetError(
            f"{', '.join(str(d.path) for d in datasets)}: no {length} consecutive frames within "
            f"{max_gap_s} s; expected at least one window"
        )
    return count

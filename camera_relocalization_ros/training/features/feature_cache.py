# SPDX-License-Identifier: BSD-3-Clause
"""The frozen part's outputs on disk: computed once, read from there, keyed by all that decides them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.plain_values import to_plain
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.fleet.engine import Engine, Here, counted
from camera_relocalization_ros.training.backbones.weights import tensors_digest
from camera_relocalization_ros.training.config import AugmentationConfig, TrainingConfig
from camera_relocalization_ros.training.features.backgrounds import background_files
from camera_relocalization_ros.training.features.shard_features import build_shard, open_model
from camera_relocalization_ros.training.features.sharded_store import Shard, ShardedStore, StoredCells
from camera_relocalization_ros.training.features.views import ViewMaker
from camera_relocalization_ros.training.pose_network import PooledBackbone, Trunk

# raise it when the same settings give other features than before
CACHE_VERSION = 4
# what decodes, turns and computes; another version of it may give other features
LIBRARIES = {"numpy": np.__version__, "opencv": cv2.__version__, "onnxruntime": onnxruntime.__version__}
DESCRIPTOR_ROWS = 256
logger = logging.getLogger(__name__)


def _cameras_of_frames(dataset: Dataset) -> list[Any]:
    return [dataset.camera_of(frame) for frame in dataset.frames]


@dataclass(frozen=True)
class FeatureCache:
    """cells (N, V, C, cells) float16 and poses (N, V, 7) xyz + xyzw of N frames in V views; view 0 is the original.

    The cells stay on the disk and are read where they are indexed by frames and views. The first `feature_channels`
    of them are of the backbone's last map.
    """

    cells: StoredCells
    poses: np.ndarray
    feature_channels: int

    @property
    def descriptors(self) -> np.ndarray:
        """Global average of the original views' last maps (N, feature_channels), as PooledBackbone.descriptor."""
        return self.descriptors_of(np.arange(len(self.cells)))

    def descriptors_of(self, frames: np.ndarray) -> np.ndarray:
        """Those of some frames (n,)."""
        descriptors = np.empty((len(frames), self.feature_channels), np.float32)
        # some rows at a time: all cells together may not fit into memory
        for start in range(0, len(descriptors), DESCRIPTOR_ROWS):
            rows = slice(start, start + DESCRIPTOR_ROWS)
            cells = self.cells[frames[rows], 0][:, : self.feature_channels]
            cells.mean(axis=2, dtype=np.float32, out=descriptors[rows])
        return descriptors


@dataclass(frozen=True)
class FrozenPart:
    """What is computed once, pooled backbone or trunk, with what feeds it."""

    network: PooledBackbone | Trunk
    preprocessing: Preprocessing
    config: TrainingConfig

    def backbone_sha256(self) -> str:
        """Hex SHA-256 of the backbone's weights."""
        return tensors_digest(self.network.backbone.state_dict()).hexdigest()

    def fingerprint(self, dataset: Dataset, augmentation: AugmentationConfig) -> str:
        """Hex digest of weights, pooling, preprocessing, augmentation, libraries and data.

        Images, and pictures for backgrounds, count by name, size and time of change; a mesh by its bytes.
        """
        digest = tensors_digest(self.network.backbone.state_dict())
        camera = to_plain(dataset.camera) if len(dataset.cameras) < 2 else to_plain(_cameras_of_frames(dataset))
        head = self.config.head
        pooling = [type(self.network).__name__, head.grid_rows, head.grid_cols, head.trunk_map]
        settings = [CACHE_VERSION, LIBRARIES, self.config.backbone, pooling, self.preprocessing.to_dict(), camera]
        # only where it is another than that of the weights' publishers, so that older caches stay valid
        settings += [self.config.image.channel_mean_rgb] if self.config.image.channel_mean_rgb else []
        digest.update(json.dumps([settings, self._views_key(augmentation)]).encode())
        image_digest(digest, dataset)
        return digest.hexdigest()[:20]

    def _views_key(self, augmentation: AugmentationConfig) -> list:
        """What decides the views beside the originals; nothing where there are none, so that seeds share a cache."""
        if not augmentation.views:
            return []
        files: list[Any] = []
        if augmentation.replaces_backgrounds:
            files.append(_sha256(Path(augmentation.object_mesh)))
            if augmentation.backgrounds:
                pictures = background_files(Path(augmentation.backgrounds))
                files.append([f"{path.name} {_size_and_time(path)}" for path in pictures])
        return [self.config.seed, {**asdict(augmentation), "object_mesh": "", "backgrounds": ""}, files]


def image_digest(digest: Any, dataset: Dataset) -> None:
    """Feed a hash with the images of a data set, by name, size and time of change, and with their poses."""
    for frame in dataset.frames:
        name = os.path.relpath(frame.image_path, dataset.path)
        digest.update(f"{name} {frame.stamp_ns} {_size_and_time(frame.image_path)}".encode())
        digest.update(frame.position.tobytes() + frame.quat_xyzw.tobytes())


def build_cache(
    dataset: Dataset,
    frozen: FrozenPart,
    augmentation: AugmentationConfig,
    folder: Path,
    engine: Engine | None = None,
    own: np.ndarray | None = None,
) -> FeatureCache:
    """The features of a data set: read from `folder` where they lie, else computed, resuming what was interrupted.

    Of processes that ask for the same features at once, one computes and the others wait for it. engine: does the
    shards, this process where there is none; data set and folder lie where all of its workers see them. own: rows of
    frames (n,), of which alone the features are looked at and made, while other processes do theirs.
    Raises DatasetError when a view needs camera intrinsics and there are none, or when the folder cannot be written;
    ConfigError when the mesh or the backgrounds cannot be read.
    """
    rows, views = dataset.frame_count, augmentation.views + 1
    channels, cells = frozen.network.stored_shape
    fingerprint = frozen.fingerprint(dataset, augmentation)
    store = ShardedStore(folder.absolute() / fingerprint, (rows, views, channels, cells))
    if store.missing(own):
        maker = ViewMaker.for_dataset(dataset, frozen.preprocessing, augmentation, frozen.config.seed)
        # a process that does not do all shards has the lock of each, as the others have of theirs
        with store.locked(is_shared=own is not None):
            missing = store.missing(own)
            if missing:
                _build_shards(missing, store, dataset, frozen, maker, engine or Here())
    return FeatureCache(store.cells(), store.poses(own), frozen.network.backbone.feature_channels)


def _build_shards(
    missing: list[tuple[Shard, int]],
    store: ShardedStore,
    dataset: Dataset,
    frozen: FrozenPart,
    maker: ViewMaker,
    engine: Engine,
) -> None:
    lacking = [rows for _, rows in missing]
    store.check_room(sum(lacking))
    logger.info("caching features of %d images in %d views", sum(lacking), store.shape[1])
    # elsewhere each process has one core
    threads = 1 if engine.is_elsewhere else len(os.sched_getaffinity(0))
    work = partial(build_shard, model=onnx_model(frozen), maker=maker, threads=threads)
    frames = (dataset.absolute() if engine.is_elsewhere else dataset).frames
    items = [(shard, frames[shard.rows]) for shard, _ in missing]
    labels = [f"{shard.store.folder}" for shard, _ in missing]
    with Task("features", sum(lacking), "image") as progress:
        counted(engine, work, items, labels, lacking, progress)


def onnx_session(frozen: FrozenPart) -> onnxruntime.InferenceSession:
    """The frozen part for one image (1, h, w, 3) "image" -> "cells", to be run by many threads at once.

    ONNX Runtime is two to four times as fast as eager PyTorch on a CPU. Each run takes one thread: several frames at a
    time use the cores better than several threads on one.
    """
    return open_model(onnx_model(frozen))


def onnx_model(frozen: FrozenPart) -> bytes:
    """What `onnx_session` runs."""
    from camera_relocalization_ros.training.onnx_graph import onnx_bytes

    image = torch.zeros(1, frozen.preprocessing.height, frozen.preprocessing.width, 3, dtype=torch.uint8)
    return onnx_bytes(frozen.network, (image,), ["image"], ["cells"])


def files_of_views(augmentation: AugmentationConfig) -> list[str]:
    """What mesh and backgrounds hold, wherever they lie: a digest, and the pictures' names and sizes; [] without."""
    if not augmentation.replaces_backgrounds:
        return []
    files = [_sha256(Path(augmentation.object_mesh))]
    if augmentation.backgrounds:
        files += [f"{path.name} {path.stat().st_size}" for path in background_files(Path(augmentation.backgrounds))]
    return files


def _size_and_time(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    return f"{status.st_size} {status.st_mtime_ns}"


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; expected the mesh of augmentation.object_mesh") from error

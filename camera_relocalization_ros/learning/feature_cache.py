# SPDX-License-Identifier: BSD-3-Clause
"""The frozen part's outputs on disk: computed once, memory-mapped, keyed by all that decides them."""

from __future__ import annotations

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Iterator

import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import pose_matrix, position_quat
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.learning.augmentation import random_exposure, random_rotation, virtual_rotation
from camera_relocalization_ros.learning.config import AugmentationConfig, TrainingConfig
from camera_relocalization_ros.learning.pose_network import PooledBackbone

CACHE_VERSION = 1
DECODING_AHEAD = 4
ROWS_PER_FLUSH = 64
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FeatureCache:
    """cells (N, V, C, cells) float16 and poses (N, V, 7) xyz + xyzw of N frames in V views; view 0 is the original."""

    cells: np.ndarray
    poses: np.ndarray

    @property
    def descriptors(self) -> np.ndarray:
        """Global average of the original views' feature maps (N, C); cells are of equal size, so their mean is it."""
        return self.cells[:, 0].astype(np.float32).mean(axis=2)


@dataclass(frozen=True)
class FrozenPart:
    """The pooled backbone with what feeds it."""

    network: PooledBackbone
    preprocessing: Preprocessing
    config: TrainingConfig

    def fingerprint(self, dataset: Dataset, augmentation: AugmentationConfig) -> str:
        """Hex digest of weights, pooling, preprocessing, augmentation and data."""
        digest = hashlib.sha256()
        weights = self.network.backbone.state_dict()
        for name in sorted(weights):
            digest.update(weights[name].numpy().tobytes())
        digest.update(self.network.cells_from_map.numpy().tobytes())
        settings = [CACHE_VERSION, self.config.backbone, asdict(self.preprocessing), asdict(augmentation)]
        camera = dataset.camera.to_dict() if dataset.camera else None
        digest.update(json.dumps([settings, self.config.seed, camera]).encode())
        for frame in dataset.frames:
            status = _stat(frame)
            digest.update(f"{frame.image_path} {frame.stamp_ns} {status.st_size} {status.st_mtime_ns}".encode())
            digest.update(frame.position.tobytes() + frame.quat_xyzw.tobytes())
        return digest.hexdigest()[:20]


def build_cache(dataset: Dataset, frozen: FrozenPart, augmentation: AugmentationConfig, folder: Path) -> FeatureCache:
    """The features of a data set: read from `folder` where they lie, else computed, resuming what was interrupted.

    Raises DatasetError when rotated views are asked for and the data set has no camera intrinsics.
    """
    if augmentation.views and dataset.camera is None:
        raise DatasetError(
            f"{dataset.path}: no camera intrinsics; expected them for virtual rotations "
            "(extract with camera_info, or train with augmentation.views: 0)"
        )
    folder = folder / frozen.fingerprint(dataset, augmentation)
    folder.mkdir(parents=True, exist_ok=True)
    rows, views = dataset.frame_count, augmentation.views + 1
    channels, cells = frozen.network.backbone.feature_channels, frozen.network.cells_from_map.shape[1]
    done_path = folder / "rows_done"
    done = int(done_path.read_text()) if done_path.is_file() else 0
    cache = FeatureCache(
        _memmap(folder / "cells.npy", (rows, views, channels, cells), np.float16),
        _memmap(folder / "poses.npy", (rows, views, 7), np.float64),
    )
    if done < rows:
        for row, (cells_vcn, poses_v7) in enumerate(_computed(dataset, frozen, augmentation, done), start=done):
            cache.cells[row], cache.poses[row] = cells_vcn, poses_v7
            if (row + 1) % ROWS_PER_FLUSH == 0 or row == rows - 1:
                cache.cells.flush()
                cache.poses.flush()
                done_path.write_text(str(row + 1))
    return cache


def _memmap(path: Path, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    mode = "r+" if path.is_file() else "w+"
    return np.lib.format.open_memmap(path, mode=mode, dtype=dtype, shape=shape)


def _computed(
    dataset: Dataset, frozen: FrozenPart, augmentation: AugmentationConfig, first: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    session = _onnx_session(frozen)
    frames = dataset.frames
    logger.info("caching features of %d images in %d views", len(frames) - first, augmentation.views + 1)

    def views_of(row: int) -> tuple[list[np.ndarray], np.ndarray]:
        # one generator per row: a resumed cache equals an undisturbed one
        rng = np.random.default_rng([frozen.config.seed, row])
        return _views(frames[row], dataset.camera, frozen.preprocessing, augmentation, rng)

    rows = range(first, len(frames))
    with ThreadPoolExecutor(1) as pool, tqdm(total=len(rows), desc="features", unit="image") as progress:
        pending = [pool.submit(views_of, row) for row in rows[:DECODING_AHEAD]]
        for row in rows:
            images, poses_v7 = pending.pop(0).result()
            if row + DECODING_AHEAD < len(frames):
                pending.append(pool.submit(views_of, row + DECODING_AHEAD))
            cells = [session.run(None, {"image": image[None]})[0][0] for image in images]
            progress.update()
            yield np.stack(cells), poses_v7


def _views(
    frame: Frame,
    camera: CameraIntrinsics | None,
    preprocessing: Preprocessing,
    augmentation: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], np.ndarray]:
    image_rgb = load_image_rgb(frame.image_path)
    images = [preprocessing.apply(image_rgb)]
    T_parent_camera = pose_matrix(frame.position, frame.quat_xyzw)
    poses = [T_parent_camera]
    if augmentation.views and camera is not None:
        # turned at twice the input size: sharp enough, and a quarter of the work at full size
        doubled = Preprocessing(2 * preprocessing.width, 2 * preprocessing.height)
        source_rgb = doubled.apply(image_rgb)
        source_camera = camera.scaled(doubled.width, doubled.height)
    for _ in range(augmentation.views):
        T_camera_virtual = np.eye(4)
        T_camera_virtual[:3, :3] = random_rotation(rng, np.radians(augmentation.rotation_sd_deg))
        turned_rgb = virtual_rotation(source_rgb, source_camera, T_camera_virtual[:3, :3])
        images.append(preprocessing.apply(random_exposure(turned_rgb, rng, augmentation.exposure)))
        poses.append(T_parent_camera @ T_camera_virtual)
    return images, np.concatenate(position_quat(np.stack(poses)), axis=1)


def _onnx_session(frozen: FrozenPart) -> onnxruntime.InferenceSession:
    """ONNX Runtime runs the frozen part two to four times as fast as eager PyTorch on a CPU."""
    from camera_relocalization_ros.learning.onnx_graph import onnx_bytes

    image = torch.zeros(1, frozen.preprocessing.height, frozen.preprocessing.width, 3, dtype=torch.uint8)
    model = onnx_bytes(frozen.network, (image,), ["image"], ["cells"])
    providers = [
        p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in onnxruntime.get_available_providers()
    ]
    return onnxruntime.InferenceSession(model, providers=providers)


def _stat(frame: Frame):
    try:
        return frame.image_path.stat()
    except OSError as error:
        raise DatasetError(f"{frame.image_path}: {error.strerror}") from error

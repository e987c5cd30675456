# SPDX-License-Identifier: BSD-3-Clause
"""What may be put behind an object: other training images without it, pictures of a folder, random textures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.vision.image_parts import painted_over
from camera_relocalization_ros.vision.silhouette import ObjectMesh

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
# held in memory: 50 images of 640x360 take 35 MB
POOL_SIZE = 50
TEXTURE_SHARE = 0.3


@dataclass(frozen=True)
class Backgrounds:
    """Images (K, H, W, 3) uint8, and where (K, 3) those of the data set were taken (None: anywhere else)."""

    images: np.ndarray
    positions: np.ndarray | None

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, camera: CameraIntrinsics, mesh: ObjectMesh, margin_px: int, seed: int
    ) -> Backgrounds:
        """Some frames of the data set at the size of `camera`, with the object painted over."""
        frames = dataset.frames
        rng = np.random.default_rng([seed, len(frames)])
        chosen = [frames[i] for i in rng.choice(len(frames), min(POOL_SIZE, len(frames)), replace=False)]
        images = np.empty((len(chosen), camera.height, camera.width, 3), np.uint8)
        for image, frame in zip(images, chosen):
            size = (camera.width, camera.height)
            whole = cv2.resize(load_image_rgb(frame.image_path), size, interpolation=cv2.INTER_AREA)
            own = camera if frame.camera is None else frame.camera.scaled(*size)
            silhouette = mesh.silhouette(own, pose_matrix(frame.position, frame.quat_xyzw), margin_px)
            image[:] = painted_over(whole, silhouette)
        return cls(images, np.array([frame.position for frame in chosen]))

    @classmethod
    def from_folder(cls, folder: Path, camera: CameraIntrinsics, seed: int) -> Backgrounds:
        """Some pictures of a folder, cut to the shape of `camera`; raises ConfigError when it holds none."""
        paths = background_files(folder)
        rng = np.random.default_rng([seed, len(paths)])
        chosen = [paths[i] for i in rng.choice(len(paths), min(POOL_SIZE, len(paths)), replace=False)]
        return cls(np.stack([_covering(load_image_rgb(path), camera.width, camera.height) for path in chosen]), None)

    def draw(self, rng: np.random.Generator, position: np.ndarray) -> np.ndarray:
        """A picture (H, W, 3) to stand behind the object in a frame taken at `position` (3,).

        A random texture, or a random part, mirrored or not, of an image; of the data set's images the half that was
        taken further away, because a background that fits the pose is what must not be learnt.
        """
        height, width = self.images.shape[1:3]
        if rng.random() < TEXTURE_SHARE:
            return random_texture(rng, width, height)
        candidates = np.arange(len(self.images))
        if self.positions is not None:
            distances = np.linalg.norm(self.positions - position, axis=1)
            candidates = np.argsort(distances)[len(distances) // 2 :]
        image = self.images[rng.choice(candidates)]
        share = rng.uniform(0.5, 1.0)
        rows, columns = int(share * height), int(share * width)
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        part = image[top : top + rows, left : left + columns]
        if rng.random() < 0.5:
            part = part[:, ::-1]
        return cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)


def background_files(folder: Path) -> list[Path]:
    """The pictures of a folder in order of their names; raises ConfigError when there are none."""
    folder = Path(folder)
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES) if folder.is_dir() else []
    if not paths:
        raise ConfigError(f"{folder}: no pictures in it; expected a folder of {', '.join(IMAGE_SUFFIXES)} files")
    return paths


def random_texture(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Coloured noise of several scales (height, width, 3) uint8, with soft or hard edges."""
    small = (max(width // 2, 1), max(height // 2, 1))
    total = np.tile(rng.uniform(40, 210, 3).astype(np.float32), (small[1], small[0], 1))
    for columns in (3, 9, 27, 81):
        shape = (-(-columns * height // width), columns)
        # mostly grey, as surfaces are
        grid = rng.normal(0.0, 1.0, (*shape, 1)) + rng.normal(0.0, 0.4, (*shape, 3))
        grid = (rng.uniform(0.0, 40.0) * grid).astype(np.float32)
        edges = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_LINEAR
        total += cv2.resize(grid, small, interpolation=edges)
    return cv2.resize(np.clip(total, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)


def _covering(image_rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """The largest middle part of an image with the wanted shape, resized to it."""
    rows, columns = image_rgb.shape[:2]
    scale = min(columns / width, rows / height)
    part_columns, part_rows = max(int(scale * width), 1), max(int(scale * height), 1)
    top, left = (rows - part_rows) // 2, (columns - part_columns) // 2
    part = image_rgb[top : top + part_rows, left : left + part_columns]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)

# SPDX-License-Identifier: BSD-3-Clause
"""Real images whose landmarks and poses are known: a camera before a wall painted with noise.

The poses lie around the one that the colour bundle answers, so that landmarks may agree with its regression.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
from colour_bundle import BASE, COLOUR_BUNDLE, QUAT_XYZW
from helpers import CHILD_FRAME, PARENT_FRAME, START_NS, encoded
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import invert, pose_matrix, position_quat
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.localization.estimate import Estimate

CAMERA = CameraIntrinsics(480, 360, 450.0, 450.0, 239.5, 179.5)
# the wall is a plane z = DISTANCE_M before the camera at this pose
T_PARENT_MIDDLE = pose_matrix(BASE + 0.5, QUAT_XYZW)
DISTANCE_M, WIDTH_M, HEIGHT_M, PIXELS_PER_M = 2.0, 5.0, 4.0, 240
STEP_NS = 100_000_000
MAP_OPTIONS = ("--width", str(CAMERA.width), "--features", "500", "--query-features", "400", "--keep-camera")


def paint(seed: int = 0) -> np.ndarray:
    """The wall (960, 1200) uint8: noise of several sizes."""
    rng = np.random.default_rng(seed)
    size = (round(WIDTH_M * PIXELS_PER_M), round(HEIGHT_M * PIXELS_PER_M))
    total = np.zeros(size[::-1])
    for cells in (20, 60, 180):
        noise = rng.normal(size=(cells * 4 // 5, cells))
        total += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(127.5 + 50 * total, 0, 255).astype(np.uint8)


def stamp(number: int) -> int:
    """The stamp of an image of a flight."""
    return START_NS + number * STEP_NS


def error_m(estimate: Estimate, T_parent_camera: np.ndarray) -> float:
    """How far an estimate lies from a true pose, metres."""
    return float(np.linalg.norm(estimate.position - position_quat(T_parent_camera)[0]))


def flight(count: int, seed: int, reach_m: float = 0.4) -> np.ndarray:
    """T_parent_camera (n, 4, 4) along a smooth way, from a start that the seed chooses."""
    t = 6.28 * np.random.default_rng(seed).uniform() + np.linspace(0, 0.12 * count, count)
    offsets = reach_m * np.stack([np.sin(t), 0.6 * np.sin(1.7 * t), 0.5 * np.cos(1.3 * t)], axis=1)
    turns = 0.08 * np.stack([np.sin(0.9 * t), np.cos(1.1 * t), np.sin(1.4 * t)], axis=1)
    return np.array(
        [T_PARENT_MIDDLE @ pose_matrix(o, Rotation.from_rotvec(r).as_quat()) for o, r in zip(offsets, turns)]
    )


def view(T_parent_camera: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """The image (360, 480, 3) uint8 of a camera."""
    T_camera_middle = invert(T_parent_camera) @ T_PARENT_MIDDLE
    # from pixels of the wall, whose middle is its origin, to points before the middle camera
    to_point = np.array(
        [
            [1 / PIXELS_PER_M, 0, -WIDTH_M / 2],
            [0, 1 / PIXELS_PER_M, -HEIGHT_M / 2],
            [0, 0, DISTANCE_M],
            [0, 0, 1],
        ]
    )
    homography = CAMERA.matrix @ T_camera_middle[:3] @ to_point
    grey = cv2.warpPerspective(wall, homography, (CAMERA.width, CAMERA.height), flags=cv2.INTER_LINEAR, borderValue=127)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def write_wall_dataset(path: Path, count: int = 40, seed: int = 1, name: str = "flight") -> Dataset:
    """A data set of a flight before the wall."""
    wall = paint()
    with DatasetWriter(path, PARENT_FRAME, CHILD_FRAME, CAMERA) as writer, writer.sequence(name, {}) as sequence:
        for number, T in enumerate(flight(count, seed)):
            sequence.add(stamp(number), *position_quat(T), encoded(view(T, wall)), ".png")
    return Dataset.load(path)


def write_wall_bundle(folder: Path) -> Path:
    """The colour bundle with a map of the wall, as `reloc map` makes it, in `folder`/wall_bundle."""
    bundle = folder / "wall_bundle"
    shutil.copytree(COLOUR_BUNDLE, bundle)
    write_wall_dataset(folder / "wall", 48)
    assert main(["map", str(folder / "wall"), "--bundle", str(bundle), *MAP_OPTIONS]) == 0
    return bundle

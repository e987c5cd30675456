# SPDX-License-Identifier: BSD-3-Clause
"""A data set without a fault, for tests that plant one: a textured sphere at infinity, seen on a flight."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers import CHILD_FRAME, PARENT_FRAME, START_NS, encoded
from shared_work import made_once

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import pose_matrix, position_quat
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.split_kinds import blocks
from camera_relocalization_ros.data.splits import save_split

COUNT, PERIOD_S = 300, 0.2
CAMERA = CameraIntrinsics(width=160, height=120, fx=130.0, fy=130.0, cx=79.5, cy=59.5)


def flight(count=COUNT):
    """T_parent_camera (N, 4, 4) of upright cameras before an object at the origin, which they look at."""
    t = np.arange(count) * PERIOD_S
    azimuth = np.radians(44) * np.sin(2 * np.pi * t / 12.1)
    distance = 2.5 + 0.45 * np.sin(2 * np.pi * t / 7.3)
    height = 1.0 + 0.24 * np.sin(2 * np.pi * t / 19.7)
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, 3] = np.stack([distance * np.cos(azimuth), distance * np.sin(azimuth), height], axis=1)
    forward = -T[:, :3, 3] / np.linalg.norm(T[:, :3, 3], axis=1, keepdims=True)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    T[:, :3, :3] = np.stack([right, np.cross(forward, right), forward], axis=2)
    return T


def render(R_parent_camera, texture):
    """What a camera sees of a sphere at infinity whose texture is longitude by latitude."""
    u, v = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], axis=-1)
    x, y, z = np.moveaxis(rays @ R_parent_camera.T, -1, 0)
    column = np.arctan2(y, x) / (2 * np.pi) + 0.5
    row = np.arctan2(np.hypot(x, y), z) / np.pi
    height, width = texture.shape[:2]
    place = np.float32(column * width), np.float32(row * height)
    return cv2.remap(texture, *place, cv2.INTER_LINEAR, None, cv2.BORDER_WRAP)


def write_sound_dataset(path) -> Dataset:
    """All checks of the doctor say OK."""
    noise = np.random.default_rng(3).integers(0, 256, (90, 180, 3), dtype=np.uint8)
    texture = cv2.resize(noise, (1440, 720), interpolation=cv2.INTER_CUBIC)
    with DatasetWriter(path, PARENT_FRAME, CHILD_FRAME, CAMERA) as writer:
        with writer.sequence("flight") as sequence:
            for number, T in enumerate(flight()):
                stamp_ns = START_NS + round(number * PERIOD_S * 1e9)
                sequence.add(stamp_ns, *position_quat(T), encoded(render(T[:3, :3], texture)), ".png")
    dataset = Dataset.load(path)
    save_split(dataset.path, "holdout", blocks(dataset, 25, 4, 5), "test")
    return dataset


def shared_sound_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The one of this run of the tests, which must leave its files as they are."""
    folder = made_once(tmp_path_factory, "sound", lambda folder: write_sound_dataset(folder / "set"))
    return Dataset.load(folder / "set")


def with_frames(dataset, change):
    """The data set with change(list of frames) in place of the frames of its one sequence."""
    sequence = dataset.sequences[0]
    return replace(dataset, sequences=(replace(sequence, frames=tuple(change(list(sequence.frames)))),))


def with_images(dataset, folder, rows, change):
    """The data set with change(image (H, W, 3)) in place of the images of some rows; writes them to a folder."""

    def changed(frames):
        for row in rows:
            path = folder / f"{row}.png"
            cv2.imwrite(str(path), change(cv2.imread(str(frames[row].image_path))))
            frames[row] = replace(frames[row], image_path=path)
        return frames

    return with_frames(dataset, changed)


def with_poses(dataset, change):
    """The data set with change(T (4, 4)) in place of each pose."""

    def changed(frame):
        position, quat_xyzw = position_quat(change(pose_matrix(frame.position, frame.quat_xyzw)))
        return replace(frame, position=position, quat_xyzw=quat_xyzw)

    return with_frames(dataset, lambda frames: map(changed, frames))

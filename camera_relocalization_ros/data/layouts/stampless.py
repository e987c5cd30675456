# SPDX-License-Identifier: BSD-3-Clause
"""Stamps for layouts that have none, and one way to take their images over."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.core.image_files import encoded_suffix, image_size, read_image_file
from camera_relocalization_ros.core.pose import MAX_POSITION_M
from camera_relocalization_ros.data.dataset_writer import SequenceWriter
from camera_relocalization_ros.data.layouts.picture_sizes import fits

FRAME_RATE_HZ = 30
# sequence N starts at (N + 1) * 1000 s, so that stamps of a scene are all different, and none is 0, which tf2 takes
# for "the latest"
SEQUENCE_SPACING_S = 1000
# of a rotation, by rounding to two or three digits; the nearest rotation is taken
MAX_STRETCH = 1.05


def synthetic_stamp_ns(sequence: int, number: int) -> int:
    """A stamp for frame `number` of sequence `sequence`, as if it had been recorded at FRAME_RATE_HZ."""
    return (sequence + 1) * SEQUENCE_SPACING_S * 10**9 + round(number * 10**9 / FRAME_RATE_HZ)


def add_image_file(
    writer: SequenceWriter,
    stamp_ns: int,
    T_parent_child: np.ndarray | None,
    path: Path,
    number: int,
    camera: CameraIntrinsics | None = None,
) -> bool:
    """Add an image with its pose (4, 4), its bytes unchanged; returns whether it was added.

    Frames without pose, without picture or with one of another format are counted, and so are pictures that cannot be
    of the camera that is said to have taken them, and those with the stamp of the one before.

    Raises DatasetError that names the file when it cannot be read, or its pose is no rigid motion or out of order.
    """
    if T_parent_child is None or not (np.abs(T_parent_child) <= MAX_POSITION_M).all():  # nor is a NaN
        writer.skip("invalid pose")
        return False
    if not os.path.isfile(path):
        writer.skip("no such picture")
        return False
    data = read_image_file(path)
    suffix = encoded_suffix(data)
    if not suffix:
        writer.skip("neither JPEG nor PNG")
        return False
    if not fits(camera, image_size(data)):
        writer.skip("picture of other proportions than its camera's")
        return False
    fault = _matrix_fault(T_parent_child)
    if fault:
        raise DatasetError(f"{path}: {fault}")
    if stamp_ns == writer.last_stamp_ns:
        writer.skip("repeated stamp")
        return False
    try:
        writer.add(stamp_ns, *position_quat(_rigid(T_parent_child)), data, suffix, number, camera)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    return True


def _matrix_fault(T_parent_child: np.ndarray) -> str:
    """Why a matrix (4, 4) is no pose, "" where it is one, maybe with a scale in it, or rounded to a few digits."""
    determinant, last = np.linalg.det(T_parent_child[:3, :3]), T_parent_child[3]
    if not determinant > 0:
        return f"its pose is no rotation (determinant {determinant:.3g}); expected 1"
    if not np.allclose(last, [0.0, 0.0, 0.0, 1.0], atol=1e-6):
        found = " ".join(f"{value:g}" for value in last)
        return f"the last row of its pose is {found}; expected 0 0 0 1 (is the matrix transposed, column by column?)"
    sizes = np.linalg.svd(T_parent_child[:3, :3], compute_uv=False)
    if sizes[0] > MAX_STRETCH * sizes[2]:
        return f"its pose is no rotation: it stretches one direction {sizes[0] / sizes[2]:.3g} times as much as another"
    return ""


def _rigid(T_parent_child: np.ndarray) -> np.ndarray:
    """With the nearest rotation in place of one with a scale, which SciPy before 1.15.2 takes for another rotation."""
    left, _, right = np.linalg.svd(T_parent_child[:3, :3])
    T_rigid = T_parent_child.copy()
    T_rigid[:3, :3] = left @ right
    return T_rigid


def refuse_without_pictures(paths: list[Path]) -> None:
    """Raise DatasetError that names the first of the listed pictures when none is there: the folder is the wrong one.

    Lists that name more pictures than were shipped are normal.
    """
    if paths and not any(map(os.path.isfile, paths)):
        read_image_file(paths[0])

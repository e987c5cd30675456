# SPDX-License-Identifier: BSD-3-Clause
"""Which data a model was trained on, and whether frames that it is to be evaluated on were among them."""

from __future__ import annotations

import hashlib

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.bundle.training_set import TrainingSet
from camera_relocalization_ros.core.errors import BundleError, DatasetError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.splits import split_path

# training poses are kept in float32, so what they are compared with is rounded alike; the rest is for arithmetic
SAME_POSITION_M, SAME_ANGLE_RAD = 2e-5, 2e-5


def training_set(dataset: Dataset) -> TrainingSet:
    """What a loaded data set, or part of one, is remembered by."""
    split = ""
    if dataset.part:
        content = split_path(dataset.path, dataset.part.partition(".")[0]).read_bytes()
        split = hashlib.sha256(content).hexdigest()
    name = dataset.path.resolve().name
    try:
        return TrainingSet(name, dataset.part, dataset.frame_count, frames_digest(dataset), split)
    except ValueError as error:
        raise DatasetError(f"{dataset.path}: {error}") from error


def frames_digest(dataset: Dataset) -> str:
    """Hex SHA-256 of each frame's sequence, image file name, stamp and pose: all that tells one frame from another.

    The content of the images is not read: a data set of 19,000 of them would take minutes.
    """
    digest = hashlib.sha256()
    for sequence in dataset.sequences:
        digest.update(f"{sequence.name}\n".encode())
        for frame in sequence.frames:
            digest.update(f"{frame.image_path.name} {frame.stamp_ns} ".encode())
            digest.update(np.concatenate([frame.position, frame.quat_xyzw]).astype("<f8").tobytes())
    return digest.hexdigest()


def is_training_pose(index: RetrievalIndex, truth: Poses) -> np.ndarray:
    """Whether each true pose is that of a training image, as booleans (N,)."""
    return training_rows(index, truth) >= 0


def training_rows(index: RetrievalIndex, truth: Poses) -> np.ndarray:
    """The training image (N,), by its row of the index, that has each true pose; -1 where none has.

    A frame is known again by its pose, which is measured to more digits than two frames share; so frames are found
    whatever the data set, its split or its sequences are called now, and in bundles that tell no digest.
    """
    tree = cKDTree(index.positions)
    nearby = tree.query_ball_point((truth.positions - index.origin).astype(np.float32), SAME_POSITION_M)
    found = np.full(len(nearby), -1)
    for number, (rows, quat) in enumerate(zip(nearby, truth.quats_xyzw)):
        if rows:
            angles = angular_distance(index.quats_xyzw[rows], quat[None])
            if angles.min() < SAME_ANGLE_RAD:
                found[number] = rows[int(np.argmin(angles))]
    return found


def training_warning(trained_on: int, frames: int) -> str:
    """What a reader of errors must know when a model was trained on some of the frames; "" when it was on none."""
    if not trained_on:
        return ""
    return (
        f"WARNING: {trained_on} of {frames} frames have the pose of a training image of this bundle: it was trained on "
        "them, and the errors are too small"
    )


def check_frames(bundle: Bundle, dataset: Dataset) -> None:
    """Raise BundleError when a bundle answers with poses of other frames than a data set has."""
    mismatch = bundle.sidecar.frame_pair.mismatch(dataset.frame_pair, f"{dataset.path} has")
    if mismatch:
        raise BundleError(f"{bundle.path}: answers with {mismatch}")

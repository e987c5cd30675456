# SPDX-License-Identifier: BSD-3-Clause
"""Pictures that stand still while the poses move: a frozen video link, though noise and exposure still change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Sequence

import cv2
import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.image_files import decode_image, image_size, read_image_file
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.splits import is_within

# in a sequence's info: ranges of frame numbers
STILL_PICTURE = "still_picture"

# pictures are compared at this width: noise averages out, and a turn of a degree still moves what is seen by a pixel
WIDTH = 96
# what varies over more pixels than that is light, not texture (standard deviation of the blur)
BLUR_PX = 3.0
# less texture than that (grey values) tells nothing: a blank wall, a lens cap
LEAST_TEXTURE = 0.5
# two pictures of a camera at rest correlate above this in noise; those of one that turned a degree or two hardly do
LEAST_CORRELATION = 0.7
# as many like pictures, taken while the camera turned or moved so far (m, and share of the recording's extent)
LEAST_FRAMES, LEAST_TURN_RAD, LEAST_MOVE_M, LEAST_MOVE_SHARE = 5, np.radians(5.0), 0.3, 0.1
# of a recording, so many pictures are looked at: evenly spread they find all but the shortest standstill
MOST_COMPARED = 400


def texture_of(grey: np.ndarray) -> np.ndarray:
    """What a grey image (H, W) shows: a vector of length one that gain and offset do not change; zeros of a blank."""
    height = max(round(grey.shape[0] * WIDTH / grey.shape[1]), 1)
    small = cv2.resize(grey, (WIDTH, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    texture = small - cv2.GaussianBlur(small, (0, 0), BLUR_PX)
    # NumPy's spread takes as long as the blur
    if cv2.meanStdDev(texture)[1].item() < LEAST_TEXTURE:
        return np.zeros(texture.size, np.float32)
    vector: np.ndarray = texture.ravel() / np.linalg.norm(texture)
    return vector


def texture_of_picture(image_bgr: np.ndarray) -> np.ndarray:
    """`texture_of` what a picture (H, W, 3) uint8 BGR shows, before it is a file."""
    small = image_bgr
    # to a quarter, as a large file is read; by halves, because OpenCV is quick at these
    for _ in range(2 if _is_large(image_bgr.shape[1]) else 0):
        small = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return texture_of(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def texture_of_content(data: bytes) -> np.ndarray:
    """`texture_of` what an image file's bytes show; one zero where they do not decode."""
    # a quarter of a large picture is enough, and what a JPEG file gives much sooner
    is_large = _is_large((image_size(data) or (0, 0))[0])
    grey = decode_image(data, cv2.IMREAD_REDUCED_GRAYSCALE_4 if is_large else cv2.IMREAD_GRAYSCALE)
    return np.zeros(1, np.float32) if grey is None else texture_of(grey)


def compared_rows(count: int) -> np.ndarray:
    """Indices of those of so many pictures of a recording that are looked at."""
    return np.arange(0, count, compared_step(count))


def compared_step(count: int) -> int:
    """Of so many pictures of a recording, each how manieth is looked at."""
    return max(-(-count // MOST_COMPARED), 1)


def still_rows(textures: Sequence[np.ndarray], poses: Poses) -> np.ndarray:
    """Mask (n,) of the images, in the order in which they were taken, whose picture stood still while the poses moved.

    textures: n of `texture_of`. The first of a standstill is not among them: it was seen.
    """
    is_still = np.zeros(len(textures), bool)
    first = 0
    for row in range(1, len(textures) + 1):
        if row < len(textures) and _is_alike(textures[first], textures[row]):
            continue
        if row - first >= LEAST_FRAMES and _has_moved(poses[first:row], _extent_m(poses)):
            is_still[first + 1 : row] = True
        first = row
    return is_still


def still_frames(image_paths: Sequence[Path], poses: Poses) -> np.ndarray:
    """As `still_rows`, of image files (N); of many, a part is read, and those between two still ones count as well."""
    rows = compared_rows(len(image_paths))
    with ThreadPoolExecutor() as pool:
        return still_among(rows, list(pool.map(_texture_of_file, [image_paths[row] for row in rows])), poses)


def still_among(rows: np.ndarray, textures: Sequence[np.ndarray], poses: Poses) -> np.ndarray:
    """As `still_rows`, of all images (N) by some rows (n,) of them, ascending, and the textures (n) of those."""
    # in front of the first one none is still
    found = np.concatenate([[False], still_rows(textures, poses[rows])])
    is_still: np.ndarray = found[np.searchsorted(rows, np.arange(len(poses)), side="right")]
    return is_still


def recorded_still(dataset: Dataset) -> int:
    """How many frames of a data set were found still when it was made."""
    return sum(
        is_within(frame.number, sequence.info.get(STILL_PICTURE) or [])
        for sequence in dataset.sequences
        for frame in sequence.frames
    )


def refuse_still_pictures(datasets: Sequence[Dataset]) -> None:
    """Raise DatasetError when the picture of a data set stands still: what is learned from it is nonsense."""
    for dataset in datasets:
        count = recorded_still(dataset)
        if count:
            raise DatasetError(
                f"{dataset.path}: in {count} of {dataset.frame_count} frames the picture stands still while the poses "
                "move (a frozen video link?); leave them out with a split, or train on them all the same with --force"
            )


def ranges_of(numbers: Sequence[int], is_marked: np.ndarray) -> list[list[int]]:
    """The stretches [first, last] of ascending frame numbers (N,) that a mask (N,) marks."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_marked, [False]]).astype(int)))
    return [[int(numbers[first]), int(numbers[end - 1])] for first, end in zip(edges[::2], edges[1::2])]


def _is_alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and float(one @ other) > LEAST_CORRELATION


def _has_moved(poses: Poses, extent_m: float) -> bool:
    moved_m = np.linalg.norm(poses.positions - poses.positions[0], axis=1).max()
    turned = angular_distance(poses.quats_xyzw, poses.quats_xyzw[:1]).max()
    return bool(turned > LEAST_TURN_RAD or moved_m > max(LEAST_MOVE_M, LEAST_MOVE_SHARE * extent_m))


def _extent_m(poses: Poses) -> float:
    return float(np.linalg.norm(np.ptp(poses.positions, axis=0)))


def _is_large(width: int) -> bool:
    return width >= 4 * WIDTH


def _texture_of_file(path: Path) -> np.ndarray:
    try:
        return texture_of_content(read_image_file(path))
    except DatasetError:
        return np.zeros(1, np.float32)

# SPDX-License-Identifier: BSD-3-Clause
"""Mean image, and mean and spread of each channel, of a data set as a network sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb


@dataclass(frozen=True)
class ImageStatistics:
    """mean_rgb (H, W, 3) float64, 0 to 255; mean and standard deviation (3,) over all pixels, R G B; frames."""

    mean_rgb: np.ndarray
    channel_mean: np.ndarray
    channel_std: np.ndarray
    frames: int


def image_statistics(dataset: Dataset, input_width: int = 320, square: bool = False) -> ImageStatistics:
    """Read all images once, one at a time; `square`: of their middle alone. Raises DatasetError or FrameError."""
    if input_width < 1:
        raise DatasetError(f"a width of {input_width} pixels; expected 1 or more")
    # whole numbers, so that neither the order of the images nor their count costs a digit
    preprocessing, total, squares = None, np.zeros((), dtype=np.uint64), np.zeros(3, dtype=np.uint64)
    for frame in dataset.frames:
        image_rgb = load_image_rgb(frame.image_path)
        if preprocessing is None:
            preprocessing = Preprocessing.for_image(input_width, image_rgb.shape[1], image_rgb.shape[0], square)
        pixels = preprocessing.apply(image_rgb).astype(np.uint64)
        total = total + pixels
        squares += np.square(pixels).sum(axis=(0, 1))
    mean_rgb = total / dataset.frame_count
    channel_mean = mean_rgb.mean(axis=(0, 1))
    variance = squares / (dataset.frame_count * mean_rgb[..., 0].size) - channel_mean**2
    channel_std = np.sqrt(np.maximum(variance, 0.0))  # images of one colour may end a hair below zero
    return ImageStatistics(mean_rgb, channel_mean, channel_std, dataset.frame_count)


def channel_mean(datasets: Sequence[Dataset], preprocessing: Preprocessing) -> np.ndarray:
    """Mean (3,) R G B, 0 to 255, over all pixels of all images of the data sets; raises FrameError."""
    sums, pixels = np.zeros(3, dtype=np.uint64), 0
    for frame in (frame for dataset in datasets for frame in dataset.frames):
        image_rgb = preprocessing.apply(load_image_rgb(frame.image_path))
        sums += image_rgb.sum(axis=(0, 1), dtype=np.uint64)
        pixels += image_rgb[..., 0].size
    return sums / pixels

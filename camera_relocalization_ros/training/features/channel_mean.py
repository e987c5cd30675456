# SPDX-License-Identifier: BSD-3-Clause
"""The mean colour of the training images that a backbone may subtract (thesis 4.2), read once and kept beside features.

Computed as `reloc stats` does, of what the network sees.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Sequence

from camera_relocalization_ros.core.output_files import write_json
from camera_relocalization_ros.core.plain_values import read_json_mapping
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.image_statistics import channel_mean
from camera_relocalization_ros.training.backbones import BACKBONES
from camera_relocalization_ros.training.checks import image_size
from camera_relocalization_ros.training.config import TrainingConfig
from camera_relocalization_ros.training.features.feature_cache import image_digest

FOLDER, KEY = "channel_means", "channel_mean_rgb"


def with_channel_mean(config: TrainingConfig, datasets: Sequence[Dataset], cache_folder: Path) -> TrainingConfig:
    """The recipe with the numbers of `image.channel_mean: data` in it, so that a run knows what its network subtracts.

    A backbone that scales its input has no use for them, and the recipe stays as it is.
    """
    backbone = BACKBONES.get(config.backbone)
    if backbone is None or not backbone.subtracts_mean or not config.image.wants_data_mean:
        return config
    size = Preprocessing.for_image(backbone.input_width, *image_size(datasets[0]), config.image.is_square)
    mean_rgb = _kept(datasets, size, cache_folder / FOLDER)
    return replace(config, image=replace(config.image, channel_mean_rgb=mean_rgb))


def _kept(datasets: Sequence[Dataset], size: Preprocessing, folder: Path) -> tuple[float, ...]:
    """From `folder` where it lies, else computed and put there; what is damaged is computed again."""
    digest = hashlib.sha256(json.dumps(size.to_dict()).encode())
    for dataset in datasets:
        image_digest(digest, dataset)
    path = folder / f"{digest.hexdigest()[:20]}.json"
    try:
        red, green, blue = map(float, read_json_mapping(path)[KEY])
    except (OSError, KeyError, TypeError, ValueError):
        red, green, blue = (round(float(value), 4) for value in channel_mean(datasets, size))
        write_json(path, {KEY: [red, green, blue]})
    return red, green, blue

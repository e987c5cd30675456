# SPDX-License-Identifier: BSD-3-Clause
"""The toy backbone as the frozen part of a training."""

from __future__ import annotations

from dataclasses import replace

from toy_backbone import ToyBackbone

from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.training.config import TrainingConfig
from camera_relocalization_ros.training.features.feature_cache import FrozenPart
from camera_relocalization_ros.training.pose_network import PooledBackbone


def toy_frozen_part(config: TrainingConfig | None = None) -> FrozenPart:
    """The toy backbone on images of 32 x 24 pixels, pooled to cells (24, 6), of which 16 are of the last map."""
    config = config or TrainingConfig()
    config = replace(config, head=replace(config.head, grid_rows=2, grid_cols=3))
    return FrozenPart(PooledBackbone(ToyBackbone().eval(), 32, 24, config.head), Preprocessing(32, 24), config)

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Trains with the toy backbone in a process of its own: RECIPE.yaml DATASET RUN CACHE; tests kill it or run two."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from toy_backbone import ToyBackbone

from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.training.backbones import BACKBONES
from camera_relocalization_ros.training.config import load_config
from camera_relocalization_ros.training.train import train


def main() -> None:
    recipe, dataset, run_folder, cache_folder = map(Path, sys.argv[1:])
    BACKBONES["toy"] = ToyBackbone
    data = Dataset.load(str(dataset))
    train([data], load_config(recipe), run_folder, val_datasets=[data], cache_folder=cache_folder)


if __name__ == "__main__":
    main()

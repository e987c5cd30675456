#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Trains with the toy backbone in a process of its own: RECIPE.yaml DATASET RUN CACHE [EPOCH WAITING].

Tests run two of it, or kill it: in the middle of EPOCH it makes the file WAITING, and learns nothing more.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import lightning
from toy_backbone import ToyBackbone

from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.training.backbones import BACKBONES
from camera_relocalization_ros.training.config import load_config
from camera_relocalization_ros.training.train import train


class WaitInMidEpoch(lightning.Callback):
    """Stops for good after the second batch of an epoch."""

    def __init__(self, epoch: int, waiting: Path) -> None:
        self._epoch, self._waiting = epoch, waiting

    def on_train_batch_end(
        self, trainer: lightning.Trainer, _module: object, _outputs: object, _batch: object, batch_idx: int
    ) -> None:
        if trainer.current_epoch == self._epoch and batch_idx == 1:
            self._waiting.touch()
            while True:
                time.sleep(60)


def main() -> None:
    recipe, dataset, run_folder, cache_folder = map(Path, sys.argv[1:5])
    callbacks = [WaitInMidEpoch(int(sys.argv[5]), Path(sys.argv[6]))] if len(sys.argv) > 5 else []
    BACKBONES["toy"] = ToyBackbone
    data = Dataset.load(str(dataset))
    train(
        [data],
        load_config(recipe),
        run_folder,
        val_datasets=[data],
        cache_folder=cache_folder,
        callbacks=callbacks,
    )


if __name__ == "__main__":
    main()

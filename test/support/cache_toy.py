#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Caches with the toy backbone in a process of its own: DATASET CACHE ROW GO; tests kill it or run two.

It stops before frame ROW (-1: never) until the file GO exists, and prints the number of frames that it worked on.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from toy_frozen import toy_frozen_part

from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.training.config import AugmentationConfig
from camera_relocalization_ros.training.features import feature_store
from camera_relocalization_ros.training.features.feature_cache import build_cache
from camera_relocalization_ros.training.features.views import ViewMaker


def main() -> None:
    dataset, cache_folder, stop_before, go = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    feature_store.ROWS_PER_COMMIT = 4
    real_views, rows = ViewMaker.views, []

    def views(maker, frame, row):
        while row == stop_before and not go.exists():
            time.sleep(0.02)
        rows.append(row)
        return real_views(maker, frame, row)

    ViewMaker.views = views
    build_cache(Dataset.load(dataset), toy_frozen_part(), AugmentationConfig(views=2), cache_folder)
    print(len(rows))


if __name__ == "__main__":
    main()

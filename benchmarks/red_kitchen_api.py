#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""README's Red Kitchen by the Python API, in place of the commands: the same numbers, and no ROS.

    python benchmarks/red_kitchen_api.py SCENE_FOLDER --work out/red_kitchen_api

SCENE_FOLDER has the layout of 7-Scenes. `pip install '.[training]'` is all that it needs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import camera_relocalization_ros as reloc
from camera_relocalization_ros.core.program import prepare_process

# before NumPy and PyTorch are loaded, as the commands do
prepare_process()

from camera_relocalization_ros.data.layouts.seven_scenes import import_seven_scenes
from camera_relocalization_ros.data.split_kinds import periodic
from camera_relocalization_ros.data.splits import save_split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--work", type=Path, required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    kitchen = import_seven_scenes(arguments.scene, arguments.work / "kitchen")
    parts = periodic(kitchen, 100, {"train": (0, 59), "test": (65, 79)})
    save_split(kitchen.path, "holdout", parts, "benchmarks/red_kitchen_api.py")

    trained = reloc.train_model(f"{kitchen.path}@holdout.train", arguments.work / "run", seed=arguments.seed)
    bundle = reloc.export_bundle(trained.folder, arguments.work / "bundle")
    evaluated = reloc.evaluate_bundle(bundle.path, f"{kitchen.path}@holdout.test")
    for name, errors in {"regressor": evaluated.errors, **evaluated.baselines}.items():
        summary = errors.summary()
        medians = f"{summary['position_m']['median']:.4f} m, {summary['orientation_deg']['median']:.3f} deg"
        print(f"{name:<22}{medians}")
    (arguments.work / "errors.json").write_text(json.dumps(evaluated.to_dict(), indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Errors on a held-out part of a real hand-held sequence, and the time from import to bundle, over seeds and heads.

    python benchmarks/red_kitchen.py SCENE_FOLDER --work out/red_kitchen

SCENE_FOLDER has the layout of 7-Scenes. Of every hundred frames 0-59 train and 65-79 test; 60-64 are a guard gap.
Ends with the recipe of the thesis on the same frames, as `reloc reproduce` trains it, beside all baselines.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np


def reloc(*arguments: object) -> str:
    """Run the reloc program and return what it printed."""
    command = ["reloc", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--work", type=Path, default=Path("out/red_kitchen"))
    parser.add_argument("--heads", nargs="+", default=["regressor"])
    parser.add_argument("--thesis-heads", nargs="*", default=["regressor", "spatial_lstm"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work, ignore_errors=True)
    arguments.work.mkdir(parents=True)
    dataset = arguments.work / "kitchen"

    started = time.monotonic()
    reloc("import", "7scenes", arguments.scene, "-o", dataset)
    reloc("split", dataset, "--period", 100, "--part", "train=0-59", "--part", "test=65-79")
    imported_s = time.monotonic() - started
    medians: dict[str, list[tuple[float, float]]] = {}
    for head in arguments.heads:
        for seed in arguments.seeds:
            started = time.monotonic()
            name = arguments.work / f"{head}_{seed}"
            # a cache of its own for each run: the time is that of a first training
            cache = arguments.work / f"cache_{head}_{seed}"
            train = f"{dataset}@holdout.train"
            reloc("train", train, "--head", head, "--loss", "qeh", "--seed", seed, "--cache", cache, "-o", name)
            bundle, result = f"{name}_bundle", Path(f"{name}.json")
            reloc("export", name, "-o", bundle)
            seconds = imported_s + time.monotonic() - started
            table = reloc("evaluate", bundle, f"{dataset}@holdout.test", "--json", result)
            shutil.rmtree(cache)
            print(f"{head}, seed {seed}: import to bundle {seconds:.0f} s\n{table}", flush=True)
            errors = json.loads(result.read_text())
            medians.setdefault(head, []).append((errors["position_m"]["median"], errors["orientation_deg"]["median"]))
    if arguments.thesis_heads:
        grid = ("--backbones", "efficientnet_lite0", "--heads", *arguments.thesis_heads, "--losses", "qeh")
        seeds = ("--seeds", *arguments.seeds)
        scene = f"redkitchen={dataset}@holdout"
        print(reloc("reproduce", "7scenes", scene, *grid, *seeds, "-o", arguments.work / "thesis"))
    for head, values in medians.items():
        mean, spread = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
        print(
            f"{head}: median over {len(values)} seeds {mean[0]:.3f} +- {spread[0]:.3f} m, "
            f"{mean[1]:.2f} +- {spread[1]:.2f} deg"
        )


if __name__ == "__main__":
    main()

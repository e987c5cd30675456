#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Errors on a held-out part of a real hand-held sequence, and the time to a bundle, over seeds and heads.

    python benchmarks/red_kitchen.py SCENE_FOLDER --work out/red_kitchen

SCENE_FOLDER has the layout of 7-Scenes. Of every hundred frames 0-59 train and 65-79 test; 60-64 are a guard gap.
Then the recipe of the thesis on the same frames and the same network, as `reloc reproduce` trains it, with its own
loss and with that of PoseNet (docs/reproduce.md). The last table sets all medians side by side, the baselines' too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np


def reloc(*arguments: object) -> str:
    """Run the reloc program and return what it printed."""
    command = ["reloc", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def recommended(head: str, seed: int, dataset: Path, work: Path) -> dict[str, Any]:
    """The errors of a head by the recommended recipe on the test frames, beside those of the baselines."""
    started = time.monotonic()
    name = work / f"{head}_{seed}"
    # a cache of its own for each run: the time is that of a first training
    cache = work / f"cache_{head}_{seed}"
    train = f"{dataset}@holdout.train"
    reloc("train", train, "--head", head, "--loss", "qeh", "--seed", seed, "--cache", cache, "-o", name)
    bundle, result = f"{name}_bundle", Path(f"{name}.json")
    reloc("export", name, "-o", bundle)
    seconds = time.monotonic() - started
    table = reloc("evaluate", bundle, f"{dataset}@holdout.test", "--json", result)
    shutil.rmtree(cache)
    print(f"{head}, seed {seed}: training to bundle {seconds:.0f} s\n{table}", flush=True)
    return json.loads(result.read_text(encoding="utf-8"))


def of_the_thesis(heads: list[str], losses: list[str], seeds: list[int], dataset: Path, work: Path) -> dict[str, Any]:
    """Name -> errors of every seed by the thesis' recipe; beta is PoseNet's loss."""
    grid = ("--backbones", "efficientnet_lite0", "--heads", *heads, "--losses", *losses, "--seeds", *seeds)
    print(reloc("reproduce", "7scenes", f"redkitchen={dataset}@holdout", *grid, "-o", work / "thesis"), flush=True)
    results = json.loads((work / "thesis/results.json").read_text(encoding="utf-8"))["results"]
    return {f"thesis' recipe, {cell['head']}, {cell['loss']}": cell["seeds"] for cell in results}


def line(name: str, of_seeds: list[dict[str, Any]]) -> str:
    """Mean and spread over seeds of the median errors."""
    values = np.array([[errors[what]["median"] for what in ("position_m", "orientation_deg")] for errors in of_seeds])
    mean = values.mean(axis=0)
    if len(values) == 1:
        return f"{name:36} {mean[0]:.3f} m  {mean[1]:.2f} deg"
    spread = values.std(axis=0, ddof=1)
    return f"{name:36} {mean[0]:.3f} +- {spread[0]:.3f} m  {mean[1]:.2f} +- {spread[1]:.2f} deg"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--work", type=Path, default=Path("out/red_kitchen"))
    parser.add_argument("--heads", nargs="+", default=["regressor"], help="by the recommended recipe")
    parser.add_argument("--thesis-heads", nargs="*", default=["regressor", "spatial_lstm"], help="by the thesis'")
    parser.add_argument("--thesis-losses", nargs="+", default=["qeh", "beta"], help="of these heads")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work, ignore_errors=True)
    arguments.work.mkdir(parents=True)
    dataset = arguments.work / "kitchen"

    started = time.monotonic()
    reloc("import", "7scenes", arguments.scene, "-o", dataset)
    reloc("split", dataset, "--period", 100, "--part", "train=0-59", "--part", "test=65-79")
    print(f"imported in {time.monotonic() - started:.0f} s", flush=True)
    rows: dict[str, list[dict[str, Any]]] = {}
    for head in arguments.heads:
        of_seeds = [recommended(head, seed, dataset, arguments.work) for seed in arguments.seeds]
        rows[f"recommended recipe, {head}"] = of_seeds
    # they read the training images alone, so they are the same for every head and seed
    baselines = next(iter(rows.values()))[0]["baselines"]
    if arguments.thesis_heads:
        thesis = (arguments.thesis_heads, arguments.thesis_losses, arguments.seeds)
        rows.update(of_the_thesis(*thesis, dataset, arguments.work))
    rows.update({name: [errors] for name, errors in baselines.items()})
    print("\n".join([f"medians over seeds {arguments.seeds}", *(line(*row) for row in rows.items())]))


if __name__ == "__main__":
    main()

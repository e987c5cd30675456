#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Background reliance of models trained on one placement of the airframe and on five, with as many images (300).

    python benchmarks/background.py --work out/background

Makes the flights, data sets, runs and bundles below --work, skipping what is there. Each is judged on every fifth frame
of a flight where the one placement was, and of one at a placement that neither was trained on. Either is trained
without and with other backgrounds in its views (--object-mesh).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from airframe import TEST_FLIGHTS, TRAINING_FLIGHTS, data_set, flight_bag, object_mesh, reloc

MODELS = {"one placement": ("one", False), "five placements": ("fifth", False)}
MODELS.update({f"{name}, backgrounds swapped": (split, True) for name, (split, _) in list(MODELS.items())})
DATA = {"seen": (1, 21, 0), "test_0": TEST_FLIGHTS["test_0"]}
DURATION_S = 60.0


def bundle_of(split: str, swapped: bool, seed: int, data: Path, work: Path) -> Path:
    """The bundle of a part of the data, trained now by the recommended recipe if it is not there."""
    run = work / f"{split}{'_mesh' if swapped else ''}_{seed}"
    bundle = run.with_name(run.name + "_bundle")
    if not bundle.is_dir():
        options = ["--object-mesh", object_mesh(work)] if swapped else []
        reloc("train", f"{data}@{split}.train", *options, "--seed", seed, "--cache", work / "cache", "-o", run)
        reloc("export", run, "-o", bundle)
    return bundle


def reliance(bundle: Path, data: Path, mesh: Path, output: Path) -> dict:
    """What reloc background tells of a bundle on every fifth frame, measured now if it is not there."""
    if not (output / "background.json").is_file():
        reloc("background", bundle, f"{data}@fifth.test", "--mesh", mesh, "-o", output)
    return json.loads((output / "background.json").read_text(encoding="utf-8"))


def split(data: Path, name: str, *options: str) -> None:
    """The split of a data set, made now if it is not there."""
    if not (data / "splits" / f"{name}.yaml").is_file():
        reloc("split", data, *options, "--name", name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/background"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    work: Path = arguments.work

    bags = work / "bags"
    train = data_set(work / "train_5", [flight_bag(bags, *flight, DURATION_S) for flight in TRAINING_FLIGHTS[:5]])
    tests = {name: data_set(work / name, [flight_bag(bags, *flight, DURATION_S)]) for name, flight in DATA.items()}
    split(train, "one", "sequences", "--part", "train=placement1_*")
    split(train, "fifth", "periodic", "--period", "5", "--part", "train=0-0")
    for test in tests.values():
        split(test, "fifth", "periodic", "--period", "5", "--part", "test=0-0")

    lines = []
    for model, (part, swapped) in MODELS.items():
        for name, test in tests.items():
            found = []
            for seed in arguments.seeds:
                bundle = bundle_of(part, swapped, seed, train, work)
                output = work / "reliance" / f"{bundle.name[: -len('_bundle')]}_{name}"
                found.append(reliance(bundle, test, object_mesh(work), output))
            lines.append(f"{model:40} {name:8} {summary(found)}")
    print("\n".join(lines))


def summary(found: list[dict]) -> str:
    """Mean, least and greatest over seeds: median errors, and background reliance by position and orientation."""
    original = [each["images"]["original"] for each in found]
    reported = [f"{np.mean([each[name][0] for each in original]):.2f}" for name in ("position_m", "orientation_deg")]
    line = f"{reported[0]} m {reported[1]} deg"
    for change in ("swapped", "blurred", "masked"):
        for name in ("position_m", "orientation_deg"):
            shares = [each["background_reliance"][change][name][0] for each in found]
            line += f"   {change} {name.partition('_')[0]} {np.mean(shares):.2f} ({min(shares):.2f}-{max(shares):.2f})"
    return line


if __name__ == "__main__":
    main()

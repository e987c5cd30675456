#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""airframe-ind in simulation: flights at placements 1-5 train, one at placement 6 tests; recipes side by side.

    python benchmarks/airframe.py --work out/airframe
    python benchmarks/airframe.py --recipe shipped=config/training/airframe.yaml --flights 20 --seeds 0 --calibrate

Makes the flights, data sets, runs and bundles below --work, skipping what is there. Of the training flights the first
ten are flown in the hall of seed 0, the others in five other halls; the test flights in the hall of seed 0, and one
in a hall never seen. Of every 30 s of the training flights the thesis' recipe watches the last 4, which it is not
trained on, to know when to stop. With --calibrate the bundles learn their covariance and lost detection from thirteen
more flights at placements 1-5, each in a hall of its own. Each recipe is told with the number of images it was trained
on; the baselines of a flight are those of the first recipe's training images.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np

from camera_relocalization_ros.bundle.model_bundle import load_bundle

IMAGE_TOPIC = "/dji_sdk/image_raw/compressed"
OBJECT_FRAME, CAMERA_FRAME = "wing/base_link", "M100/camera_optical_frame"
# placement, seed of path and light, seed of the hall
TRAINING_FLIGHTS = [(p, 10 + p, 0) for p in range(1, 6)] + [(p, 20 + p, 0) for p in range(1, 6)]
TRAINING_FLIGHTS += [(p, 30 + p, p) for p in range(1, 6)] + [(p, 40 + p, 1 + p % 5) for p in range(1, 6)]
TEST_FLIGHTS = {"test_0": (6, 60, 0), "test_1": (6, 61, 0), "test_2": (6, 62, 0), "test_other_hall": (6, 63, 99)}
CALIBRATION_FLIGHTS = [(1, 70, 6), (2, 71, 7), (3, 72, 8), (4, 73, 9)]
CALIBRATION_FLIGHTS += [(5, 74, 10), (1, 75, 11), (3, 76, 12), (4, 77, 13)]
CALIBRATION_FLIGHTS += [(2, 78, 14), (5, 79, 15), (1, 80, 16), (2, 81, 17), (3, 82, 18)]
# frames at 5 Hz: of every 150, 125 train and 20 are watched, 5 lie between
PERIOD, TRAIN, VAL = 150, "train=0-124", "val=127-147"
THESIS = "thesis"


def reloc(*arguments: object) -> None:
    """Run the reloc program."""
    subprocess.run(["reloc", *map(str, arguments)], check=True)


def flight_bag(folder: Path, placement: int, seed: int, hall: int, duration_s: float) -> Path:
    """The bag of a flight, flown now if it is not there, with the airframe's mesh beside it."""
    bag = folder / f"placement{placement}_seed{seed}_hall{hall}.bag"
    if not bag.is_file():
        plan = ("--placement", placement, "--seed", seed, "--arena-seed", hall)
        reloc("simulate", *plan, "--duration", duration_s, "--rate", 5, "--width", 640, "--compressed", "-o", bag)
    return bag


def data_set(path: Path, bags: list[Path]) -> Path:
    """The data set of some bags, extracted now if it is not there."""
    if not path.is_dir():
        frames = ("--parent", OBJECT_FRAME, "--child", CAMERA_FRAME)
        reloc("extract", *bags, "--image-topic", IMAGE_TOPIC, *frames, "-o", path)
    return path


def object_mesh(work: Path) -> Path:
    """The airframe's mesh, written by a flight of a moment if it is not there."""
    mesh = work / "airframe.ply"
    if not mesh.is_file():
        moment = ("--placement", 1, "--duration", 1, "--rate", 2, "--width", 160, "--compressed")
        reloc("simulate", *moment, "--object-mesh", mesh, "-o", work / "moment.bag")
    return mesh


def watched(data: Path) -> list[str]:
    """A data set as `reloc train` takes it, with a part held out; split now if it is not."""
    if not (data / "splits" / "watched.yaml").is_file():
        reloc("split", data, "--period", PERIOD, "--part", TRAIN, "--part", VAL, "--name", "watched")
    return [f"{data}@watched.train", "--val", f"{data}@watched.val"]


def train(name: str, recipe: Path | None, head: str | None, seed: int, data: Path, work: Path) -> Path:
    """The bundle of a recipe, trained now if it is not there; the thesis' sees no mesh, as it had none."""
    run = work / f"{name}_{seed}"
    bundle = run.with_name(run.name + "_bundle")
    if not bundle.is_dir():
        options = ["--config", recipe] if recipe else []
        options += ["--head", head] if head else []
        inputs = watched(data) if name == THESIS else [data, "--object-mesh", object_mesh(work)]
        reloc("train", *inputs, *options, "--seed", seed, "--cache", work / "feature_cache", "-o", run)
        reloc("export", run, "-o", bundle)
    return bundle


def medians(bundle: Path, test: Path) -> dict[str, tuple[float, float]]:
    """Median position (m) and orientation (deg) errors of a bundle and its baselines on a data set."""
    result = bundle.with_name(f"{bundle.name}_{test.name}.json")
    reloc("evaluate", bundle, test, "--json", result)
    errors = json.loads(result.read_text(encoding="utf-8"))
    every = {"model": errors, **errors["baselines"]}
    return {name: (e["position_m"]["median"], e["orientation_deg"]["median"]) for name, e in every.items()}


def trained_on(bundle: Path) -> int:
    """Number of images that a bundle was trained on."""
    return sum(part.frames for part in load_bundle(bundle).sidecar.training_data)


def line(name: str, test: Path, of_seeds: list[tuple[float, float]]) -> str:
    """Mean and spread over seeds of the median errors (m, deg)."""
    begin, mean = f"{test.name:16} {name:28}", np.mean(of_seeds, axis=0)
    if len(of_seeds) == 1:
        return f"{begin} {mean[0]:.3f} m  {mean[1]:.2f} deg"
    spread = np.std(of_seeds, axis=0, ddof=1)
    return f"{begin} {mean[0]:.3f} +- {spread[0]:.3f} m  {mean[1]:.2f} +- {spread[1]:.2f} deg"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/airframe"))
    parser.add_argument(
        "--recipe",
        action="append",
        metavar="NAME=FILE",
        help="recipe to train; NAME= is the recommended one (default: thesis=config/training/thesis.yaml recommended=)",
    )
    parser.add_argument("--head", help="instead of the recipes'")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--flights", type=int, default=5, help="train on the first N flights of 300 images (default: 5)"
    )
    parser.add_argument(
        "--hall", type=int, default=0, help="seed of the hall in place of 0; give it a --work of its own"
    )
    parser.add_argument("--duration", type=float, default=60.0, metavar="S", help="of each flight")
    parser.add_argument("--calibrate", action="store_true", help="calibrate the bundles, on flights of their own")
    arguments = parser.parse_args()
    work: Path = arguments.work

    def flown(placement: int, seed: int, hall: int) -> Path:
        return flight_bag(work / "bags", placement, seed, hall or arguments.hall, arguments.duration)

    bags = [flown(*flight) for flight in TRAINING_FLIGHTS[: arguments.flights]]
    data = data_set(work / f"train_{len(bags)}", bags)
    tests = [data_set(work / name, [flown(*flight)]) for name, flight in TEST_FLIGHTS.items()]

    unseen = []
    if arguments.calibrate:
        unseen = [data_set(work / f"calibration_{flight[1]}", [flown(*flight)]) for flight in CALIBRATION_FLIGHTS]

    lines, baselines = [], {}
    for entry in arguments.recipe or [f"{THESIS}=config/training/thesis.yaml", "recommended="]:
        name, _, file = entry.partition("=")
        recipe = Path(file) if file else None
        bundles = [train(name, recipe, arguments.head, seed, data, work) for seed in arguments.seeds]
        for bundle in bundles if unseen else []:
            reloc("calibrate", bundle, *unseen)
        images = trained_on(bundles[0])
        for test in tests:
            results = [medians(bundle, test) for bundle in bundles]
            lines.append(line(f"{name} ({images} images)", test, [result.pop("model") for result in results]))
            if test not in baselines:
                baselines[test] = results[0]
    lines += [line(name, test, [errors]) for test in tests for name, errors in baselines[test].items()]
    print("\n".join(["", f"medians over seeds {arguments.seeds}, {len(bags)} training flights", *lines]))


if __name__ == "__main__":
    main()

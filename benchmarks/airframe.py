#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""airframe-ind in simulation: flights at placements 1-5 train, one at placement 6 tests; errors beside baselines.

    python benchmarks/airframe.py --work out/airframe --config config/training/airframe.yaml

Makes the flights, data sets, run and bundle below --work, skipping what is there. Training flights are flown in the
hall of seed 0 and in five other halls; the test flights in the hall of seed 0, and one in a hall never seen.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

IMAGE_TOPIC = "/dji_sdk/image_raw/compressed"
OBJECT_FRAME, CAMERA_FRAME = "wing/base_link", "M100/camera_optical_frame"
# placement, seed of path and light, seed of the hall
TRAINING_FLIGHTS = [(p, 10 + p, 0) for p in range(1, 6)] + [(p, 20 + p, 0) for p in range(1, 6)]
TRAINING_FLIGHTS += [(p, 30 + p, p) for p in range(1, 6)] + [(p, 40 + p, 1 + p % 5) for p in range(1, 6)]
TEST_FLIGHTS = {"test_0": (6, 60, 0), "test_1": (6, 61, 0), "test_2": (6, 62, 0), "test_other_hall": (6, 63, 99)}


def reloc(*arguments: object) -> None:
    """Run the reloc program."""
    subprocess.run(["reloc", *map(str, arguments)], check=True)


def flight_bag(folder: Path, placement: int, seed: int, hall: int, duration_s: float) -> Path:
    """The bag of a flight, flown now if it is not there."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/airframe"))
    parser.add_argument("--config", type=Path, help="recipe (default: the recommended one)")
    parser.add_argument("--name", default="temporal_gru", help="name of the run below --work")
    parser.add_argument("--head", default="temporal_gru")
    parser.add_argument("--loss", default="qeh")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--flights", type=int, default=len(TRAINING_FLIGHTS), help="use only the first N flights")
    parser.add_argument("--duration", type=float, default=60.0, metavar="S", help="of each flight")
    arguments = parser.parse_args()
    work: Path = arguments.work
    bags = [flight_bag(work / "bags", *flight, arguments.duration) for flight in TRAINING_FLIGHTS[: arguments.flights]]
    train = data_set(work / f"train_{len(bags)}", bags)
    run, bundle = work / arguments.name, work / f"{arguments.name}_bundle"
    recipe = ("--config", arguments.config) if arguments.config else ()
    choices = ("--head", arguments.head, "--loss", arguments.loss, "--seed", arguments.seed)
    reloc("train", train, *recipe, *choices, "--cache", work / "feature_cache", "-o", run)
    reloc("export", run, "-o", bundle)
    for name, flight in TEST_FLIGHTS.items():
        test = data_set(work / name, [flight_bag(work / "bags", *flight, arguments.duration)])
        reloc("evaluate", bundle, test, "--json", work / f"{arguments.name}_{name}.json")


if __name__ == "__main__":
    main()

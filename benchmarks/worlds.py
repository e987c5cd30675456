#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""airframe-ind in every simulated world: five placements train, a sixth tests; one recipe, no option of any world.

    python benchmarks/worlds.py --work out/worlds
    python benchmarks/worlds.py --work out/worlds_quick --quick --worlds glider airliner

For each world and seed: flights at placements 1 to 5 are trained and mapped on, others there calibrate, and one at
placement 6 is evaluated. What is there already is not made again, so that an interrupted run goes on; the
numbers of a world and seed lie in WORK/results/WORLD_SEED.json, and the table is of all that lie there. Each row sets
what is published beside the regression and the baselines; "false OK" are off by more than 25 cm or 10 degrees. Medians
over seeds are means, with the spread where there are several.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from airframe import data_set, reloc

from camera_relocalization_ros.core.output_files import write_json
from camera_relocalization_ros.core.pose_errors import PoseErrors, within
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.pipelines.evaluate_bundle import evaluate_bundle
from camera_relocalization_ros.simulation.world_names import WORLD_LINES

TRAINED, TESTED = (1, 2, 3, 4, 5), 6
WRONG = (0.25, 10.0)
BASELINES = {"oracle": "oracle nearest pose", "retrieval": "feature retrieval", "constant": "constant pose"}


@dataclass(frozen=True)
class Size:
    """Images of each flight, and their width in pixels."""

    train: int
    calibrate: int
    test: int
    width: int = 640


# how far errors reach is measured on 500 poses by landmarks; every second image is searched for them
FULL, QUICK = Size(200, 300, 200), Size(30, 20, 40)
FLIGHT_S = 40.0


def flight(work: Path, world: str, placement: int, seed: int, images: int, width: int) -> Path:
    """The bag of a flight of FLIGHT_S, flown now if it is not there."""
    bag = work / "bags" / f"{world}_placement{placement}_seed{seed}.bag"
    if not bag.is_file():
        plan = ("--world", world, "--placement", placement, "--seed", seed, "--width", width)
        reloc("simulate", *plan, "--duration", FLIGHT_S, "--rate", images / FLIGHT_S, "--compressed", "-o", bag)
    return bag


def bundle_of(work: Path, world: str, seed: int, size: Size) -> Path:
    """A bundle with a map and a calibration, made now as far as it is not there."""
    name = work / f"{world}_{seed}"
    bags = [flight(work, world, p, 100 * seed + 10 + p, size.train, size.width) for p in TRAINED]
    train, bundle, mapped = data_set(Path(f"{name}_train"), bags), Path(f"{name}_bundle"), Path(f"{name}_mapped")
    if not bundle.is_dir():
        run = Path(f"{name}_run")
        if not (run / "run.yaml").is_file():
            reloc("train", train, "--seed", seed, "--cache", work / "feature_cache", "-o", run)
        reloc("export", run, "-o", bundle)
    if not mapped.is_file():
        reloc("map", train, "--bundle", bundle)
        bags = [flight(work, world, p, 100 * seed + 70 + p, size.calibrate, size.width) for p in TRAINED]
        reloc("calibrate", bundle, data_set(Path(f"{name}_calibration"), bags))
        mapped.touch()
    return bundle


def medians(errors: PoseErrors) -> list[float]:
    """Median metres and degrees of what has a pose."""
    known = np.isfinite(errors.position_m)
    if not known.any():
        return [float("nan")] * 2
    return [float(np.median(errors.position_m[known])), float(np.median(errors.orientation_deg[known]))]


def figures(result: Result, regression: Result) -> dict[str, Any]:
    """What is told of a world: medians, shares, counts."""
    errors, is_ok = result.errors(), result.accepted
    return {
        "frames": len(result),
        "fused": medians(errors),
        "fused_p95": [float(np.nanpercentile(e, 95)) for e in (errors.position_m, errors.orientation_deg)],
        "regression": medians(regression.errors()),
        "ok": int(is_ok.sum()),
        "false_ok": int((is_ok & ~within(errors, *WRONG)).sum()),
        "baselines": {name: medians(one) for name, one in result.baselines.items()},
    }


def measured(work: Path, world: str, seed: int, size: Size) -> None:
    """Write the figures of a world and seed, unless they are there."""
    path, started = work / "results" / f"{world}_{seed}.json", time.monotonic()
    if path.is_file():
        return
    bundle = bundle_of(work, world, seed, size)
    bag = flight(work, world, TESTED, 100 * seed + 60, size.test, size.width)
    evaluated = evaluate_bundle(bundle, data_set(work / f"{world}_{seed}_test", [bag]), stages="regression,fused")
    stages = {name: stage.result for name, stage in evaluated.stages.items()}
    found = figures(stages["fused"], stages["regression"])
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"world": world, "seed": seed, "trained_on": 5 * size.train, **found})
    print(f"{world}, seed {seed}: {time.monotonic() - started:.0f} s", flush=True)


def spread(values: list[float], digits: int) -> str:
    """The mean, and the spread of several."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean}+-{np.std(values, ddof=1):.{digits}f}"


def row(world: str, of_seeds: list[dict[str, Any]]) -> str:
    """A line of the table, in Markdown."""

    def cell(values: list[list[float]]) -> str:
        return f"{spread([m for m, _ in values], 3)} m {spread([d for _, d in values], 2)} deg"

    frames, ok, wrong = (sum(one[key] for one in of_seeds) for key in ("frames", "ok", "false_ok"))
    cells = [cell([one[key] for one in of_seeds]) for key in ("fused", "fused_p95", "regression")]
    baselines = [cell([one["baselines"][name] for one in of_seeds]) for name in BASELINES.values()]
    seeds = " ".join(str(one["seed"]) for one in of_seeds)
    head = [world, f"{of_seeds[0]['trained_on']}", seeds, f"{frames}", *cells[:2], f"{ok / frames:.1%}", f"{wrong}"]
    return "| " + " | ".join([*head, cells[2], *baselines]) + " |"


def table(work: Path) -> str:
    """All that was measured below a folder."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((work / "results").glob("*.json"))]
    titles = ["world", "trained on", "seeds", "frames", "fused median", "fused 95 %", "OK", "false OK", "regression"]
    titles += list(BASELINES)
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for world in WORLD_LINES:
        of_seeds = [one for one in found if one["world"] == world]
        lines += [row(world, of_seeds)] if of_seeds else []
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/worlds"))
    parser.add_argument("--worlds", nargs="+", choices=tuple(WORLD_LINES), default=list(WORLD_LINES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of flights and training")
    parser.add_argument("--quick", action="store_true", help="a seventh of the images; give it a --work of its own")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        for world in arguments.worlds:
            measured(arguments.work, world, seed, QUICK if arguments.quick else FULL)
    print(table(arguments.work))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether the live node and the offline evaluation give the same poses, and evo the same error, on data sets.

    python benchmarks/replay_agreement.py BUNDLE DATASET... --work out/agreement

Each data set (or DATASET@SPLIT.PART) becomes a bag (`reloc to-bag`), which `reloc replay --refine-first` plays, and
goes through `reloc evaluate`. Printed: how many of its frames both answered, how far apart the two poses are at most,
and the median position error of the replay by evo and by us. Agreed are 2 mm, 0.1 deg and 1e-6 m.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from evo.tools import file_interface

from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.evaluation.result_files import load_result
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.ros.bags.dataset_bag import IMAGE_TOPIC

LIMIT_M, LIMIT_DEG, LIMIT_EVO_M = 0.002, 0.1, 1e-6


def reloc(*arguments: object) -> None:
    """Run the reloc program; what it prints is of no interest."""
    subprocess.run(["reloc", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def measure(bundle: Path, name: str, folder: Path) -> bool:
    """Print one line about a data set; whether all is as agreed."""
    dataset, bag = Dataset.load(name), folder / "frames.bag"
    reloc("to-bag", name, "-o", bag)
    reloc("evaluate", bundle, name, "-o", folder / "offline")
    frames = ("--parent", dataset.parent_frame, "--child", dataset.child_frame)
    topic = ("--image-topic", f"{IMAGE_TOPIC}/compressed")
    reloc("replay", bundle, bag, *topic, *frames, "--refine-first", "-o", folder / "live")
    live, offline = in_order(load_result(folder / "live")), in_order(load_result(folder / "offline"))
    both = np.isfinite(live.estimate).all(axis=1) & np.isfinite(offline.estimate).all(axis=1)
    apart = replace(live, truth=offline.estimate).select(both).errors()
    position_m, orientation_deg = apart.position_m.max(), apart.orientation_deg.max()
    evo_m, ours_m = evo_median_m(folder / "live"), float(np.median(live.select(live.compared).errors().position_m))
    agrees = position_m <= LIMIT_M and orientation_deg <= LIMIT_DEG and abs(evo_m - ours_m) <= LIMIT_EVO_M
    print(
        f"{name}: {both.sum()} of {len(both)} frames answered by both, {1e3 * position_m:.4f} mm and "
        f"{orientation_deg:.5f} deg apart at most; median error {evo_m:.9f} m by evo, {ours_m:.9f} m by us: "
        f"{'as agreed' if agrees else 'NOT as agreed'}",
        flush=True,
    )
    return agrees


def in_order(result: Result) -> Result:
    """The rows by their stamps, as a bag plays them."""
    return result.select(np.argsort(result.stamps_ns))


def evo_median_m(folder: Path) -> float:
    """That of evo_ape on the trajectories of a result."""
    command = [Path(sys.executable).with_name("evo_ape"), "tum", folder / "truth.tum", folder / "estimate.tum"]
    zipped = folder / "ape.zip"
    # evo asks before it overwrites, and keeps settings at home
    zipped.unlink(missing_ok=True)
    environment = {**os.environ, "HOME": str(folder)}
    subprocess.run([*command, "--save_results", zipped], check=True, stdout=subprocess.DEVNULL, env=environment)
    return float(file_interface.load_res_file(str(zipped)).stats["median"])


def main() -> int:
    """Measure all data sets; 1 when one is not as agreed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("datasets", nargs="+", metavar="DATASET")
    parser.add_argument("--work", type=Path, default=Path("out/agreement"))
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work, ignore_errors=True)
    agrees = [measure(arguments.bundle, each, arguments.work / str(n)) for n, each in enumerate(arguments.datasets)]
    return 0 if all(agrees) else 1


if __name__ == "__main__":
    sys.exit(main())

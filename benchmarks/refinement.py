#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Regressed, refined and fused poses side by side, beside retrieval and the oracle, with the time of each stage.

    python benchmarks/refinement.py out/red_kitchen/kitchen@holdout.train out/red_kitchen/kitchen@holdout.test \\
        --bundle out/red_kitchen/regressor_0_bundle --map out/refinement/kitchen.npz
    python benchmarks/refinement.py out/airframe/train_5 out/airframe/test_0 out/airframe/test_1 out/airframe/test_2 \\
        --bundle out/airframe/recommended_0_bundle --map out/refinement/airframe.npz --width 1280

Makes the map of the first data set when the file is not there. Time is that of the processor, over all of its cores:
on a machine that does other work too the clock on the wall says little.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import chi2

from camera_relocalization_ros.core.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.core.evaluation import PoseErrors, pose_errors
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.inference.evaluation import evaluate
from camera_relocalization_ros.inference.fusion import FusedPose, fuse
from camera_relocalization_ros.inference.refinement import PoseRefiner, Refinement
from camera_relocalization_ros.inference.refinement_errors import pose_difference
from camera_relocalization_ros.inference.relocalizer import Relocalizer

CENTIMETRES = (0.05, 5.0)
NONSENSE = (0.25, 10.0)


def row(name: str, errors: PoseErrors) -> str:
    """Median, 90th and 95th percentile and the share within 5 cm and 5 degrees, as one line."""
    metres, degrees = (np.percentile(e, [50, 90, 95]) for e in (errors.position_m, errors.orientation_deg))
    figures = "  ".join(f"{m:7.3f} m {d:6.2f} deg" for m, d in zip(metres, degrees))
    return f"{name:24}{figures}   {within(errors, CENTIMETRES).mean():5.0%}"


def within(errors: PoseErrors, limits: tuple[float, float]) -> np.ndarray:
    """Mask (n,) of errors below metres and degrees."""
    return (errors.position_m < limits[0]) & (errors.orientation_deg < limits[1])


def errors_of(poses: list[Refinement] | list[FusedPose], truth: tuple[np.ndarray, np.ndarray]) -> PoseErrors:
    """Errors of poses against positions and quaternions."""
    positions, quats = np.array([p.position for p in poses]), np.array([p.quat_xyzw for p in poses])
    return pose_errors(positions, quats, *truth)


def coverage(poses: list[Refinement], truth: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Shares of poses whose 90 % ellipsoids of position and of rotation hold the truth."""
    limit, shares = chi2.ppf(0.9, 3), []
    for part in (slice(0, 3), slice(3, 6)):
        differences = [pose_difference(p.position, p.quat_xyzw, *gt)[part] for p, gt in zip(poses, zip(*truth))]
        squared = [d @ np.linalg.solve(p.covariance[part, part], d) for p, d in zip(poses, differences)]
        shares.append(float(np.mean(np.array(squared) < limit)))
    return shares[0], shares[1]


def judged(relocalizer: Relocalizer, refiner: PoseRefiner, test: Dataset, width: int | None) -> str:
    """The table of one test set."""
    evaluation = evaluate(relocalizer, test)
    refined, seconds = [], []
    for frame, estimate in zip(test.frames, evaluation.estimates):
        image = load_image_rgb(frame.image_path)
        if width:
            image = cv2.resize(image, (width, round(width * image.shape[0] / image.shape[1])))
        started = time.process_time()
        refined.append(refiner.refine(image, estimate.position, estimate.quat_xyzw))
        seconds.append(time.process_time() - started)
    fused = [fuse(estimate, refinement) for estimate, refinement in zip(evaluation.estimates, refined)]
    truth = test.positions_quats()
    found = np.array([refinement.found for refinement in refined])
    taken = np.array([pose.stage == "refined" for pose in fused])
    is_ok = np.array([pose.state is State.OK for pose in fused])
    of_taken = [refinement for refinement, is_taken in zip(refined, taken) if is_taken]
    fused_errors = errors_of(fused, truth)
    lines = [
        f"\n{test.path.name} {test.part}: {test.frame_count} frames; median, 90th, 95th percentile, in 5 cm / 5 deg"
    ]
    for name in ("oracle nearest pose", "feature retrieval"):
        lines.append(row(name, evaluation.baselines[name]))
    lines.append(row("regression", evaluation.errors))
    of_found = [r for r in refined if r.found]
    lines.append(row(f"refined, {found.mean():.0%} found", errors_of(of_found, tuple(t[found] for t in truth))))
    lines.append(row("fused", fused_errors))
    nonsense = 1 - within(fused_errors, NONSENSE)[is_ok].mean() if is_ok.any() else 0.0
    in_ellipsoid = coverage(of_taken, tuple(t[taken] for t in truth))
    lines.append(
        f"OK {is_ok.mean():.0%}, of these off by over 25 cm or 10 deg {nonsense:.1%}; in the 90 % ellipsoid "
        f"{in_ellipsoid[0]:.0%} of positions, {in_ellipsoid[1]:.0%} of rotations"
    )
    stages = {name: [1e3 * r.seconds[name] for r in refined] for name in refined[0].seconds}
    wall = ", ".join(f"{name} {np.median(values):.0f}" for name, values in stages.items())
    p50, p95 = 1e3 * np.percentile(seconds, [50, 95])
    lines.append(f"processor time {p50:.0f} ms, 95th percentile {p95:.0f}; on the clock, median of each stage: {wall}")
    return "\n".join(lines)


def thinned(dataset: Dataset, every: int) -> Dataset:
    """Every so-manieth frame of each sequence."""
    return replace(dataset, sequences=tuple(replace(s, frames=s.frames[::every]) for s in dataset.sequences))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="what the map is made of")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--map", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="judge every Nth frame (default: 1)")
    parser.add_argument("--width", type=int, help="enlarge test images to this width, to time larger ones")
    arguments = parser.parse_args()
    if not arguments.map.is_file():
        subprocess.run(["reloc", "map", arguments.train, "-o", arguments.map], check=True)
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    tables = []
    for spec in arguments.tests:
        test = thinned(Dataset.load(spec), arguments.every)
        refiner = PoseRefiner.from_file(arguments.map, test.camera)
        tables.append(judged(relocalizer, refiner, test, arguments.width))
    print("\n".join(tables))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A bundle with a map on data sets, as they are and in harder conditions: errors, trust, and the time of refinement.

    reloc map out/red_kitchen/kitchen@holdout.train --bundle out/red_kitchen/regressor_0_bundle
    python benchmarks/refinement.py out/red_kitchen/regressor_0_bundle out/red_kitchen/kitchen@holdout.test
    reloc map out/airframe/train_5 --bundle out/airframe/recommended_0_bundle --query-width 640 --query-features 1000
    python benchmarks/refinement.py out/airframe/recommended_0_bundle out/airframe/test_0 --width 1280

Of all test frames together: median, 95th percentile and share within 5 cm and 5 degrees of what is published; share
that is OK, and how many of these are off by more than 25 cm or 10 degrees; how many truths lie in the 90 % ellipsoids
of position and rotation of the OK ones. Time is of one refinement alone: on the clock, and of the processor over all
of its cores.
"""

from __future__ import annotations

from camera_relocalization_ros.core.program import prepare_process

# before NumPy, as in the node
prepare_process()

# isort: split
import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
from tqdm import tqdm

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, pose_errors, within
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.evaluation.baselines import baseline_errors
from camera_relocalization_ros.evaluation.consistency import coverage, normalized_squares
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import SELECTABLE, StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer

CENTIMETRES, NONSENSE = (0.05, 5.0), (0.25, 10.0)
# of the image's width; at 5 Hz an M100 that turns by 30 degrees a second smears a hundredth in 20 ms
BLUR_SHARE = 0.01
OCCLUDED_SHARE = 0.3
TIMED = 150

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def as_it_is(image_rgb: np.ndarray, _generator: np.random.Generator) -> np.ndarray:
    """The image."""
    return image_rgb


def blurred(image_rgb: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Smeared along a line of any direction."""
    length = max(3, round(BLUR_SHARE * image_rgb.shape[1]))
    angle = generator.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    kernel = np.zeros((length + 2, length + 2), np.float32)
    middle = (length + 1) / 2
    ends = [tuple(int(round(v)) for v in middle + sign * reach) for sign in (-1, 1)]
    cv2.line(kernel, *ends, 1.0)
    return cv2.filter2D(image_rgb, -1, kernel / kernel.sum())


def exposed(factor: float) -> Change:
    """So many times the light, as the sensor's gamma of 2.2 shows it."""
    table = np.clip(255 * (factor * (np.arange(256) / 255) ** 2.2) ** (1 / 2.2), 0, 255).astype(np.uint8)
    return lambda image_rgb, _generator: cv2.LUT(image_rgb, table)


def occluded(image_rgb: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A grey board before OCCLUDED_SHARE of the image."""
    height, width = image_rgb.shape[:2]
    side = np.sqrt(OCCLUDED_SHARE)
    x, y = (int(generator.uniform(0, (1 - side) * size)) for size in (width, height))
    changed = image_rgb.copy()
    changed[y : y + round(side * height), x : x + round(side * width)] = 110
    return changed


CONDITIONS: dict[str, Change] = {
    "as recorded": as_it_is,
    "motion blur": blurred,
    "half the light": exposed(0.5),
    "twice the light": exposed(2.0),
    "30 % hidden": occluded,
}


@dataclass(frozen=True)
class Answered:
    """Frames and what was published of each, the regression beside it, and the baselines."""

    frames: list[Frame]
    estimates: dict[str, list[Estimate]]
    baselines: dict[str, PoseErrors]

    def errors(self, stage: str) -> PoseErrors:
        """Of one stage."""
        return pose_errors(Poses.stack(estimate.pose for estimate in self.estimates[stage]), self.truth())

    def truth(self) -> Poses:
        """Of all frames."""
        return Poses.stack(frame.pose for frame in self.frames)


def answers(relocalizer: Relocalizer, tests: list[Dataset], change: Change, label: str) -> Answered:
    """What each stage makes of all frames, changed."""
    generator, frames, answered = np.random.default_rng(0), [], []
    for test in tests:
        staged = StagedRelocalizer(relocalizer, test.camera)
        for sequence in test.sequences:
            staged.reset()
            for frame in tqdm(sequence.frames, label):
                frames.append(frame)
                image_rgb = change(load_image_rgb(frame.image_path), generator)
                answered.append(staged.estimate_stages(image_rgb, frame.stamp_ns))
    estimates = {name: [one.at(stage) for one in answered] for name, stage in SELECTABLE.items()}
    truth = Poses.stack(frame.pose for frame in frames)
    descriptors = np.array([one.regression.descriptor for one in answered])
    return Answered(frames, estimates, baseline_errors(relocalizer.bundle.index, descriptors, truth))


def row(name: str, errors: PoseErrors) -> str:
    """Median, 95th percentile and the share within CENTIMETRES of all frames, of those that have a pose."""
    known = np.isfinite(errors.position_m)
    metres, degrees = (np.percentile(e[known], [50, 95]) for e in (errors.position_m, errors.orientation_deg))
    figures = "  ".join(f"{m:7.3f} m {d:6.2f} deg" for m, d in zip(metres, degrees))
    return f"{name:24}{figures}  {within(errors, *CENTIMETRES).mean():6.1%}"


def trust(answered: Answered) -> str:
    """OK share, nonsense among the OK ones, and their coverage, of what is published."""
    fused, errors = answered.estimates["fused"], answered.errors("fused")
    is_ok = np.array([estimate.state is State.OK for estimate in fused])
    if not is_ok.any():
        return "    OK  0.0%"
    nonsense = (is_ok & ~within(errors, *NONSENSE)).sum()
    ok = [estimate for estimate in fused if estimate.state is State.OK]
    covariances = np.array([estimate.covariance for estimate in ok])
    squares = normalized_squares(covariances, Poses.stack(estimate.pose for estimate in ok), answered.truth()[is_ok])
    inside = [coverage(squares, [0.9])[part][0] for part in ("position", "orientation")]
    reported = f"    OK {is_ok.mean():6.1%}, of these nonsense {nonsense} ({nonsense / len(ok):.2%})"
    return f"{reported}; in the 90 % ellipsoid {inside[0]:.1%} {inside[1]:.1%}"


def timing(relocalizer: Relocalizer, test: Dataset, width: int | None) -> str:
    """Percentiles of the time of a refinement alone, in a stream whose regression is its prior."""
    staged = StagedRelocalizer(relocalizer, test.camera)
    refiner, wall, processor, stages = staged.refiner, [], [], []
    for frame in test.frames[:TIMED]:
        image = load_image_rgb(frame.image_path)
        prior = relocalizer.estimate(image, frame.stamp_ns)
        if width:
            image = cv2.resize(image, (width, round(width * image.shape[0] / image.shape[1])))
        started = time.perf_counter(), time.process_time()
        refined = refiner.refine(image, prior.pose)
        wall.append(1e3 * (time.perf_counter() - started[0]))
        processor.append(1e3 * (time.process_time() - started[1]))
        stages.append(refined.seconds)
    size = f"{image.shape[1]}x{image.shape[0]}"
    named = [{name: s[name] for name in s} for s in stages if len(s) == len(stages[0])]
    parts = ", ".join(f"{name} {1e3 * np.median([s[name] for s in named]):.0f}" for name in named[0])
    clock, busy = (np.percentile(values, [50, 95]) for values in (wall, processor))
    return (
        f"refinement of {size}: p50 {clock[0]:.0f} ms, p95 {clock[1]:.0f} ms on the clock; "
        f"{busy[0]:.0f} and {busy[1]:.0f} ms of the processor; medians: {parts}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--conditions", nargs="*", default=list(CONDITIONS), choices=list(CONDITIONS))
    parser.add_argument("--width", type=int, help="enlarge images to this width where time is measured")
    arguments = parser.parse_args()
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    tests = [Dataset.load(spec) for spec in arguments.tests]
    lines = [f"{arguments.bundle} on {' '.join(arguments.tests)}: {sum(test.frame_count for test in tests)} frames"]
    for condition in arguments.conditions:
        answered = answers(relocalizer, tests, CONDITIONS[condition], condition)
        lines.append(condition)
        if condition == arguments.conditions[0]:
            lines += [
                f"  {row(name, answered.baselines[name])}" for name in ("oracle nearest pose", "feature retrieval")
            ]
        lines += [f"  {row(stage, answered.errors(stage))}" for stage in SELECTABLE] + [trust(answered)]
    lines.append(timing(relocalizer, tests[0], arguments.width))
    print("\n".join(lines))


if __name__ == "__main__":
    main()

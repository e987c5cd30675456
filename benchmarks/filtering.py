#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What MotionFilter makes of a bundle's answers to a flight: errors, jitter, lost frames, and whether covariances hold.

    python benchmarks/filtering.py models/airframe out/filtering/flight

Prints how alike errors are over time, then a row per setting; in the second half of the table one image in twenty is
answered with the pose of another part of the flight, as a network does with images that look alike.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import pose_errors
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.evaluation.consistency import normalized_squares
from camera_relocalization_ros.evaluation.evaluate import estimate_all
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.motion_filter import FilterSettings, MotionFilter
from camera_relocalization_ros.localization.relocalizer import Relocalizer

SETTINGS = {
    "neither": FilterSettings(smooths=False, gates=False),
    "gate": FilterSettings(smooths=False),
    "smoothing": FilterSettings(gates=False),
    "both": FilterSettings(),
}
WRONG_EVERY = 20


def poses_of(estimates: list[Estimate]) -> Poses:
    """Where the estimates are."""
    return Poses.stack(one.pose for one in estimates)


def correlations(errors_n3: np.ndarray, lags: list[int]) -> list[float]:
    """Autocorrelation of vectors at lags."""
    centred = errors_n3 - errors_n3.mean(axis=0)
    total = (centred**2).sum()
    return [float((centred[lag:] * centred[:-lag]).sum() / total) * len(centred) / (len(centred) - lag) for lag in lags]


def with_wrong_answers(estimates: list[Estimate]) -> list[Estimate]:
    """One in twenty has the answer of half a flight away."""
    count = len(estimates)
    wrong = range(WRONG_EVERY // 2, count, WRONG_EVERY)
    poses = {k: estimates[(k + count // 2) % count] for k in wrong}
    return [replace(one, pose=poses[k].pose) if k in poses else one for k, one in enumerate(estimates)]


def row(name: str, estimates: list[Estimate], truth: Poses) -> str:
    """Errors of what is not LOST; jitter is the root mean square change of the position error between two frames."""
    kept = np.array([one.state != State.LOST for one in estimates])
    errors = pose_errors(poses_of(estimates), truth)
    position, angle = (np.percentile(e[kept], [50, 95, 100]) for e in (errors.position_m, errors.orientation_deg))
    steps = np.diff(poses_of(estimates).positions - truth.positions, axis=0)[kept[1:] & kept[:-1]]
    jitter_mm = 1e3 * np.sqrt((steps**2).sum(axis=1).mean())
    cells = [f"{value:.3f}" for value in position] + [f"{value:.2f}" for value in angle]
    cells += [f"{jitter_mm:.0f}", f"{1 - kept.mean():.1%}"]
    if estimates[0].covariance is not None:
        covariances = np.array([one.covariance for one in estimates])
        squares = normalized_squares(covariances, poses_of(estimates), truth)
        cells += [f"{squares[part][kept].mean():.1f}" for part in ("position", "orientation")]
    return f"{name:<24}" + "".join(f"{cell:>10}" for cell in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("flight", help="a data set of one sequence")
    arguments = parser.parse_args()
    dataset = Dataset.load(arguments.flight)
    raw = estimate_all(Relocalizer.from_bundle(arguments.bundle, threads=1), dataset, "answer")
    truth = dataset.poses
    period_s = np.median(np.diff([one.stamp_ns for one in raw])) / 1e9
    lags = [max(round(seconds / period_s), 1) for seconds in (0.05, 0.2, 0.5, 1.0, 2.0)]
    alike = correlations(poses_of(raw).positions - truth.positions, lags)
    print("errors alike after " + ", ".join(f"{lag * period_s:.2f} s {one:.2f}" for lag, one in zip(lags, alike)))
    names = ("m 50 %", "95 %", "worst", "deg 50 %", "95 %", "worst", "jitter mm", "LOST", "NEES pos", "NEES rot")
    print(" " * 24 + "".join(f"{name:>10}" for name in names))
    for suffix, answers in (("", raw), (", 5 % wrong", with_wrong_answers(raw))):
        for name, settings in SETTINGS.items():
            motion_filter = MotionFilter(settings)
            print(row(name + suffix, [motion_filter.update(one) for one in answers], truth))


if __name__ == "__main__":
    main()

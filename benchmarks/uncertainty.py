#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Calibrates a bundle on some data and checks covariance and lost detection on other data, beside simpler models.

    python benchmarks/uncertainty.py BUNDLE --calibrate DATASET... --test DATASET... --negatives FOLDER...

The bundle is not changed. Prints, for the test data: what the ellipsoids hold, of every data set and of all; what each
state's share is; how many out-of-distribution images, the synthetic ones among them, are rejected; what simpler
covariances and each indicator alone reach; and what the uncertainty costs per image.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Callable, Iterable

import numpy as np
from scipy.stats import spearmanr

from camera_relocalization_ros.bundle.error_calibration import ErrorCalibration
from camera_relocalization_ros.bundle.indicators import INDICATORS, IndicatorMeter, log_indicators
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.provenance import training_set
from camera_relocalization_ros.evaluation.evaluate import estimate_all
from camera_relocalization_ros.evaluation.rejection_table import rejection_table
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.uncertainty.calibrate import MIN_SEQUENCES, PIECES, synthetic_images
from camera_relocalization_ros.uncertainty.calibration_fit import (
    CalibrationSamples,
    camera_errors,
    fit,
    is_inside,
    squared_distances,
    with_thresholds,
)
from camera_relocalization_ros.uncertainty.out_of_distribution_scores import estimate_images, image_paths

SPREADS = ("spread_position_m", "spread_orientation_rad")
EXTRA_INDICATORS = ("retrieval_position_m", "retrieval_orientation_rad", "step_m")


def extra_indicators(relocalizer: Relocalizer, estimates: list[Estimate]) -> np.ndarray:
    """Indicators (n, 3) that were tried and are not used: distance to the nearest of five retrieved poses; motion."""
    index = relocalizer.bundle.index
    similarity = index.project(np.array([e.descriptor for e in estimates])) @ index.descriptors.T
    nearest = np.argsort(-similarity, axis=1)[:, :5]
    positions = np.array([e.position for e in estimates])
    quats = np.array([e.quat_xyzw for e in estimates])
    steps = np.linalg.norm(np.diff(positions, axis=0, prepend=positions[:1]), axis=1)
    distances = np.linalg.norm(index.positions[nearest] - positions[:, None], axis=2).min(axis=1)
    angles = angular_distance(index.quats_xyzw[nearest], quats[:, None]).min(axis=1)
    return np.stack([distances, angles, steps], axis=1)


def dataset_samples(relocalizer: Relocalizer, spec: str, work: Path) -> dict[str, np.ndarray]:
    """Logarithms of indicators, extra indicators and errors of samples with full windows; kept in `work`."""
    dataset = Dataset.load(spec)
    path = work / f"{relocalizer.bundle.bundle_id}_{training_set(dataset).sha256[:12]}.npz"
    if not path.is_file():
        estimates = estimate_all(relocalizer, dataset, dataset.path.name)
        whole = np.array([e.window_length == relocalizer.bundle.sidecar.window_length for e in estimates])
        rows = {
            "log_indicators": np.array([log_indicators(e.indicators) for e in estimates]),
            "extra": extra_indicators(relocalizer, estimates),
            "errors": camera_errors(Poses.stack(e.pose for e in estimates), dataset.poses),
        }
        np.savez(path, **{name: values[whole] for name, values in rows.items()})
    return dict(np.load(path))


def image_indicators(
    relocalizer: Relocalizer, name: str, images: Iterable[tuple[str, np.ndarray]], work: Path
) -> dict[str, np.ndarray]:
    """Logarithms of indicators, with the extra ones behind, by kind of image; infinite where an image was refused."""
    path = work / f"{relocalizer.bundle.bundle_id}_{name}.npz"
    if not path.is_file():
        rows = {}
        for kind, estimates in estimate_images(relocalizer, images).items():
            rows[kind] = np.full((len(estimates), len(INDICATORS) + len(EXTRA_INDICATORS)), np.inf)
            known = [estimate is not None for estimate in estimates]
            kept = [estimate for estimate in estimates if estimate is not None]
            rows[kind][known] = np.hstack(
                [[log_indicators(e.indicators) for e in kept], extra_indicators(relocalizer, kept)]
            )
        np.savez(path, **rows)
    return dict(np.load(path))


def joined(parts: list[dict[str, np.ndarray]]) -> tuple[CalibrationSamples, np.ndarray]:
    """Answers, a block for each data set or, of few, for each fifth of one; and their extra indicators."""
    pieces = 1 if len(parts) >= MIN_SEQUENCES else PIECES
    counts = [len(part["errors"]) for part in parts]
    blocks = np.concatenate([row * pieces + np.arange(n) * pieces // n for row, n in enumerate(counts)])
    columns = (np.concatenate([part[name] for part in parts]) for name in ("log_indicators", "errors"))
    return CalibrationSamples(*columns, blocks), np.concatenate([part["extra"] for part in parts])


def with_constant(samples: CalibrationSamples, *names: str) -> CalibrationSamples:
    """The samples with some indicators the same for all, so that they tell nothing."""
    logs = samples.log_indicators.copy()
    logs[:, [INDICATORS.index(name) for name in names]] = 0.0
    return replace(samples, log_indicators=logs)


def sizes(calibration: ErrorCalibration, samples: CalibrationSamples) -> tuple[float, float, float]:
    """Geometric mean of an ellipsoid's deviations: position (m), orientation (deg), and of both at once."""
    logs, shape = np.log(calibration.error_scales(samples.log_indicators)).mean(axis=0), np.array(calibration.shape)
    own = [np.linalg.slogdet(shape[part, part])[1] / 6 for part in (slice(0, 3), slice(3, 6))]
    both = logs.mean() + np.linalg.slogdet(shape)[1] / 12
    return float(np.exp(logs[0] + own[0])), float(np.degrees(np.exp(logs[1] + own[1]))), float(np.exp(both))


def covariance_row(name: str, calibration: ErrorCalibration, test: CalibrationSamples) -> str:
    """Coverage at 90 % with the range over data sets, and sizes."""
    inside = is_inside(squared_distances(calibration, test))[:, :, 1]
    by_block = np.array([inside[test.blocks == block].mean(axis=0) for block in np.unique(test.blocks)])
    cells = [
        f"{inside[:, k].mean():>7.1%} ({by_block[:, k].min():.0%}-{by_block[:, k].max():.0%})".ljust(20) for k in (0, 1)
    ]
    position, orientation, both = sizes(calibration, test)
    return f"{name:<34}{cells[0]}{cells[1]}{position:>8.3f}{orientation:>8.2f}{both:>8.3f}"


def isotropic(calibration: ErrorCalibration, train: CalibrationSamples) -> ErrorCalibration:
    """The calibration with balls for ellipsoids, as large as they must be to hold 90 % of `train`."""
    ball = replace(calibration, shape=tuple(map(tuple, np.eye(6).tolist())))
    factors = np.quantile(squared_distances(ball, train), 0.9, axis=0) / 6.2514
    return replace(ball, shape=tuple(map(tuple, np.diag(np.repeat(factors, 3)).tolist())))


def covariance_table(calibration: ErrorCalibration, train: CalibrationSamples, test: CalibrationSamples) -> str:
    """The model beside simpler ones."""
    lines = [f"{'covariance':<34}{'position in 90 %':<20}{'orientation in 90 %':<20}{'m':>8}{'deg':>8}{'both':>8}"]
    for block in np.unique(test.blocks):
        lines.append(covariance_row(f"  test block {block}", calibration, test.select(test.blocks == block)))
    lines.append(covariance_row("as shipped", calibration, test))
    apart = np.kron(np.eye(2), np.ones((3, 3))) * np.array(calibration.shape)
    rows = replace(calibration, shape=tuple(map(tuple, apart.tolist())))
    lines.append(covariance_row("position and rotation apart", rows, test))
    lines.append(covariance_row("balls", isotropic(calibration, train), test))
    for title, names in (
        ("without ensemble spread", SPREADS),
        ("without training distance", ("training_distance_m",)),
        ("the same for all images", INDICATORS),
    ):
        lines.append(covariance_row(title, fit(with_constant(train, *names)).calibration, with_constant(test, *names)))
    return "\n".join(lines)


def indicators_table(train: np.ndarray, test: np.ndarray, errors: np.ndarray, negatives: dict[str, np.ndarray]) -> str:
    """Of each indicator alone: rank correlation with errors; good kept, others rejected above the 95th percentile."""
    lines = [f"{'indicator alone':<28}{'rank correlation':>18}{'kept':>8}   rejected"]
    lengths = [np.linalg.norm(errors[:, part], axis=1) for part in (slice(0, 3), slice(3, 6))]
    for column, name in enumerate((*INDICATORS, *EXTRA_INDICATORS)):
        limit = np.quantile(train[:, column], 0.95)
        ranks = [spearmanr(test[:, column], length)[0] for length in lengths]
        shares = ", ".join(f"{kind} {(rows[:, column] > limit).mean():.0%}" for kind, rows in negatives.items())
        kept = (test[:, column] <= limit).mean()
        lines.append(f"{name:<28}{ranks[0]:>9.2f}{ranks[1]:>9.2f}{kept:>8.1%}   {shares}")
    return "\n".join(lines)


def milliseconds(work: Callable[[], object], count: int = 500) -> float:
    """Median time of a call."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1e3 * float(np.median(times))


def uncertainty_cost(relocalizer: Relocalizer, calibration: ErrorCalibration) -> str:
    """Time per image of indicators, and of score and covariance."""
    index, meter = relocalizer.bundle.index, IndicatorMeter(relocalizer.bundle.index)
    pose, quat = index.poses[0], index.quats_xyzw[0]
    answer = pose, index.mean + 1.0, Poses(np.zeros((3, 3)), np.tile(quat, (3, 1)))
    indicators = meter.measure(*answer)
    indicators_ms = milliseconds(lambda: meter.measure(*answer))
    rest_ms = milliseconds(lambda: (calibration.score(indicators), calibration.covariance(indicators, quat)))
    count = len(index.positions)
    return f"cost, of {count} training images: indicators {indicators_ms:.2f} ms, score and covariance {rest_ms:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--calibrate", nargs="+", required=True, metavar="DATASET")
    parser.add_argument("--test", nargs="+", required=True, metavar="DATASET")
    parser.add_argument("--negatives", nargs="+", default=[], metavar="FOLDER", help="not used to set the thresholds")
    parser.add_argument("--work", type=Path, default=Path("out/uncertainty"), help="samples are kept here")
    arguments = parser.parse_args()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    train, train_extra = joined([dataset_samples(relocalizer, spec, work) for spec in arguments.calibrate])
    test, test_extra = joined([dataset_samples(relocalizer, spec, work) for spec in arguments.test])
    scene = [Dataset.load(spec) for spec in arguments.calibrate]
    negatives = image_indicators(relocalizer, "made_up", synthetic_images(relocalizer, scene), work)
    fitted = fit(train).calibration
    scores = np.concatenate([fitted.scores(rows[:, : len(INDICATORS)]) for rows in negatives.values()])
    calibration = with_thresholds(fitted, scores, 0.01)
    for name in arguments.negatives:
        kind = Path(name).name
        images = ((kind, load_image_rgb(path)) for path in image_paths(name))
        negatives.update(image_indicators(relocalizer, kind, images, work))

    print(f"calibrated on {len(train)} frames, tested on {len(test)}")
    print(covariance_table(calibration, train, test))
    print(f"\nDEGRADED below {calibration.degraded_below:.3f}, LOST below {calibration.lost_below:.3f}")
    by_kind = {kind: calibration.scores(rows[:, : len(INDICATORS)]) for kind, rows in negatives.items()}
    test_scores = calibration.scores(test.log_indicators)
    print(rejection_table(calibration, test_scores, by_kind))
    kept = [float((test_scores[test.blocks == b] >= calibration.degraded_below).mean()) for b in np.unique(test.blocks)]
    print(f"good images kept, least and most of a block: {min(kept):.1%} to {max(kept):.1%}")
    columns = [np.hstack([part.log_indicators, extra]) for part, extra in ((train, train_extra), (test, test_extra))]
    print("\n" + indicators_table(*columns, test.errors, negatives))
    print("\n" + uncertainty_cost(relocalizer, calibration))


if __name__ == "__main__":
    main()

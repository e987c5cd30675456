#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Poses by landmarks alone at placements that the map does not know: each placement of a data set is left out in turn.

    python benchmarks/left_out_placements.py DATASET... [--every 5]

Landmarks are made as by `reloc map`, without correction of the camera, and no network is needed: the prior is the true
pose, half a metre and 11 degrees off (root mean square), of no covariance. Each image is looked at by itself.
Covariances are fitted to the errors at the other placements. "Accepted" and "OK" are what the gate and the limits of OK
say when a regression agrees, and when it is 5 metres off. Right poses are within 10 cm and 3 degrees, wrong ones off by
more than 25 cm or 10 degrees.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.error_calibration import landmark_covariance
from camera_relocalization_ros.core.chi_square import chi_square_quantile, squared_distance
from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.localization.classify import OkContract
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.fusion import fuse
from camera_relocalization_ros.localization.landmarks.gate import gate
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.localization.refinement import Refinement
from camera_relocalization_ros.mapping.builder import (
    MapSettings,
    compressed,
    landmarks_of,
    match_all,
    survey,
    usual_features,
)
from camera_relocalization_ros.mapping.cross_validation import landmarks_without
from camera_relocalization_ros.mapping.feature_codes import FeatureCodes
from camera_relocalization_ros.uncertainty.landmark_error_fit import (
    LEAST_SAMPLES,
    OUTLIER_M,
    OUTLIER_RAD,
    fitted_deviation,
)

PRIOR_M, PRIOR_RAD = 0.5, 0.2
FAR_M = 5.0
PARTS = (slice(0, 3), slice(3, 6))


@dataclass(frozen=True)
class Trial:
    """A search of one image of a placement that the map does not know: its error (6,) and seconds of the processor."""

    placement: int
    frame: Frame
    prior: Pose
    found: Refinement
    seconds: float

    @property
    def truth(self) -> Pose:
        """That of the data set."""
        return self.frame.pose

    @property
    def error(self) -> np.ndarray:
        """NaN where no pose was found."""
        return pose_residual(self.found.pose, self.truth) if self.found.found else np.full(6, np.nan)


def trials_of(dataset: Dataset, every: int) -> list[Trial]:
    """One of so many images of each placement, searched with a map of the other placements."""
    in_map, in_flight = usual_features(dataset)
    settings, camera = MapSettings(in_map, correct_camera=False), dataset.typical_camera
    view = survey(dataset, in_map)
    assert camera is not None, "survey has refused it"
    matches, correction = match_all(view, settings)
    landmarks, codes = (
        landmarks_of(view, matches, settings.tolerance_px),
        FeatureCodes.of(view.features, matches.features),
    )
    of_image = np.median(np.bincount(landmarks.seen.image, minlength=dataset.frame_count))
    print(f"{len(landmarks)} landmarks of {dataset.frame_count} images, {of_image:.0f} of an image", flush=True)
    generator, frames, trials = np.random.default_rng(0), dataset.frames, []
    for placement in np.unique(view.placement):
        left_out = view.placement == placement
        remaining = landmarks_without(landmarks, matches, view, left_out, settings.tolerance_px)
        refiner = PoseRefiner(compressed(remaining, view, codes, correction, in_flight), camera)
        tried = [frames[i] for i in np.flatnonzero(left_out)[::every]]
        trials += [searched(refiner, frame, int(placement), generator) for frame in tried]
    return trials


def searched(refiner: PoseRefiner, frame: Frame, placement: int, generator: np.random.Generator) -> Trial:
    """A frame's image, searched from near its true pose."""
    image = load_image_rgb(frame.image_path)
    turn = Rotation.from_rotvec(generator.normal(0, PRIOR_RAD / math.sqrt(3), 3)) * frame.pose.rotation
    prior = Pose(frame.position + generator.normal(0, PRIOR_M / math.sqrt(3), 3), turn.as_quat())
    started = time.process_time()
    return Trial(placement, frame, prior, refiner.refine(image, prior), time.process_time() - started)


def with_covariances(trials: list[Trial]) -> list[Trial]:
    """The same, each with a covariance that was fitted to errors at the other placements; useless without enough."""
    deviations = {placement: deviation_without(placement, trials) for placement in {t.placement for t in trials}}

    def calibrated(trial: Trial) -> Trial:
        found, deviation = trial.found, deviations[trial.placement]
        if not found.found:
            return trial
        covariance = landmark_covariance(found.covariance, len(found.landmarks), deviation)
        return replace(trial, found=replace(found, covariance=covariance))

    return list(map(calibrated, trials))


def deviation_without(placement: int, trials: list[Trial]) -> np.ndarray:
    """That of a map, fitted to errors at other placements."""
    others = [t for t in trials if t.placement != placement and is_usual(t)]
    if len(others) < LEAST_SAMPLES:
        return np.array([1e3, 0.0, 1e3, 0.0])
    errors, covariances, counts = zip(*((t.error, t.found.covariance, len(t.found.landmarks)) for t in others))
    return fitted_deviation(np.array(errors), np.array(covariances), np.array(counts))


def is_usual(trial: Trial) -> bool:
    """Whether a pose was found that is inaccurate at most, not wrong."""
    error = trial.error
    return bool(np.linalg.norm(error[:3]) < OUTLIER_M and np.linalg.norm(error[3:]) < OUTLIER_RAD)


def published(trial: Trial, off_m: float) -> Estimate:
    """What is made of a trial beside a regression without covariance that is off by so many metres."""
    pose = replace(trial.truth, position=trial.truth.position + [off_m, 0, 0])
    regression = Estimate(0, pose, 1, 0.0, np.empty(0), State.DEGRADED, "")
    return OkContract(None).settle(fuse(regression, trial.found, gate(regression, trial.found)))


def share(mask: np.ndarray) -> str:
    """In percent."""
    return f"{np.mean(mask):.1%}" if len(mask) else "-"


def table(trials: list[Trial]) -> str:
    """What was found, accepted and OK, and how exact it is."""
    errors = np.array([t.error for t in trials])
    error_m, error_deg = np.linalg.norm(errors[:, :3], axis=1), np.degrees(np.linalg.norm(errors[:, 3:], axis=1))
    right, wrong = (error_m < 0.1) & (error_deg < 3), (error_m > 0.25) | (error_deg > 10)
    beside = {off_m: [published(t, off_m) for t in trials] for off_m in (0.0, FAR_M)}
    accepted, accepted_far = (np.array([e.stage.name == "REFINED" for e in beside[off_m]]) for off_m in (0.0, FAR_M))
    ok, ok_far = (np.array([e.state is State.OK for e in beside[off_m]]) for off_m in (0.0, FAR_M))
    inside = [
        squared_distance(errors[accepted][:, s], np.array([t.found.covariance[s, s] for t in trials])[accepted])
        <= chi_square_quantile(0.9, 3)
        for s in PARTS
    ]
    lines = {
        "images": f"{len(trials)}",
        "a pose was found": share(np.isfinite(error_m)),
        "right": share(right),
        "wrong, before the gate": share(wrong),
        "accepted": f"{share(accepted)}, of these wrong: {np.sum(accepted & wrong)}",
        "OK": f"{share(ok)}, of these over 10 cm or 3 deg off: {np.sum(ok & ~right)}",
        "regression far off: accepted": f"{share(accepted_far)}, of these wrong: {np.sum(accepted_far & wrong)}",
        "regression far off: OK": share(ok_far),
        "median of right poses": f"{100 * np.median(error_m[right]):.2f} cm {np.median(error_deg[right]):.2f} deg",
        "accepted in the 90 % ellipsoid": " / ".join(map(share, inside)),
        "landmarks that agree, median": f"{np.median([len(t.found.landmarks) for t in trials]):.0f}",
        "processor's time of a search": f"{1e3 * np.mean([t.seconds for t in trials]):.0f} ms",
    }
    return "\n".join(f"{name:<36}{value}" for name, value in lines.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", help="each of an object at four placements or more")
    parser.add_argument("--every", type=int, default=5, help="one of so many images is searched")
    arguments = parser.parse_args()
    for path in arguments.datasets:
        print(path)
        print(table(with_covariances(trials_of(Dataset.load(path), arguments.every))), flush=True)


if __name__ == "__main__":
    main()

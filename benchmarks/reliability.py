#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether OK and the 90 % ellipsoids hold what they promise, flight by flight, at less searches than images.

    python benchmarks/reliability.py models/airframe FLIGHT...

Each FLIGHT is a data set that was neither trained nor calibrated on. Every third image is searched for landmarks, which
are followed into the others, as on a busy computer. For each flight and stage: poses, share of truths in the ellipsoids
of 90 % for position and orientation, share that is OK, and how many of these kept the promise of OK. The last row is
the regressed pose of every image, which is what is published, as DEGRADED, where no landmarks are at work.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np

from camera_relocalization_ros.bundle.stage_calibration import STAGES, stage_of
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import pose_errors, within
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.evaluation.consistency import coverage, normalized_squares
from camera_relocalization_ros.localization.classify import OkContract
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.localization.relocalizer import Relocalizer

SEARCHED = 3
EVERY_REGRESSION = "every regression"
Pairs = Dict[str, List[Tuple[Estimate, Frame]]]


def estimates(relocalizer: Relocalizer, dataset: Dataset) -> Pairs:
    """What is published by stage, what a search gave, and every regression, with the frames."""
    pairs: Pairs = {name: [] for name in (*STAGES, EVERY_REGRESSION)}
    camera = dataset.typical_camera
    assert relocalizer.bundle.landmark_map is not None and camera is not None, "landmarks need both"
    pipeline = LandmarkPipeline(relocalizer.bundle.landmark_map, camera)
    for sequence in dataset.sequences:
        relocalizer.reset()
        pipeline.reset()
        for number, frame in enumerate(sequence.frames):
            image_rgb = load_image_rgb(frame.image_path)
            regression, grey = relocalizer.estimate(image_rgb, frame.stamp_ns), pipeline.grey(image_rgb)
            best = pipeline.track(grey, regression)
            pairs[stage_of(best.stage, best.landmarks, best.is_confirmed)].append((best, frame))
            pairs[EVERY_REGRESSION].append((regression, frame))
            if number % SEARCHED == 0:
                refined = pipeline.refine(grey, regression, pipeline.prior(best))
                if refined.decision.is_accepted:
                    pairs[stage_of(Stage.REFINED, 0, refined.is_confirmed)].append((refined.fused, frame))
                pipeline.take(refined)
    return pairs


def row(flight: str, stage: str, contract: OkContract, pairs: list[tuple[Estimate, Frame]]) -> str:
    """One line of the table."""
    settled = [contract.settle(estimate) for estimate, _ in pairs]
    poses, truth = (Poses.stack(poses) for poses in ([e.pose for e in settled], [frame.pose for _, frame in pairs]))
    covariances = np.array([estimate.covariance for estimate in settled])
    inside = coverage(normalized_squares(covariances, poses, truth), [0.9])
    limits = contract.limits.position_m, np.degrees(contract.limits.orientation_rad)
    is_ok = np.array([estimate.state is State.OK for estimate in settled])
    kept = within(pose_errors(poses, truth), *limits) & is_ok
    shares = f"{inside['position'][0]:>10.1%}{inside['orientation'][0]:>10.1%}"
    return f"{flight:<16}{stage:<18}{len(pairs):>6}{shares}{is_ok.mean():>8.1%}{kept.sum():>8} of {is_ok.sum()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("flights", nargs="+", type=Path)
    arguments = parser.parse_args()
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    print(f"{'flight':<16}{'stage':<18}{'poses':>6}{'position':>10}{'orient.':>10}{'OK':>8}{'kept':>8}")
    for flight in arguments.flights:
        for stage, pairs in estimates(relocalizer, Dataset.load(flight)).items():
            if pairs:
                print(row(flight.name, stage, relocalizer.contract, pairs), flush=True)


if __name__ == "__main__":
    main()

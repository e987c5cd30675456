# SPDX-License-Identifier: BSD-3-Clause
"""reloc map: adds a map of landmarks to a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "map"
HELP = "Add a map of landmarks of training images to a bundle: poses get centimetres where they can."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "datasets", nargs="+", metavar="DATASET", help="DATASET or DATASET@SPLIT.PART: the training images"
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of reloc export; an older map is replaced")
    parser.add_argument("--width", type=int, default=640, help="of images when features are taken (default: 640)")
    parser.add_argument("--features", type=int, default=2000, metavar="N", help="per training image (default: 2000)")
    parser.add_argument(
        "--query-features", type=int, default=800, metavar="N", help="per image in flight (default: 800)"
    )
    parser.add_argument("--query-width", type=int, default=480, help="of images in flight (default: 480)")
    parser.add_argument(
        "--keep-camera", action="store_true", help="take the data set's intrinsics and camera frame as exact"
    )


def run(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from camera_relocalization_ros.bundle.model_bundle import check_extensible, load_bundle, replace_map
    from camera_relocalization_ros.core.progress import tracked
    from camera_relocalization_ros.data.dataset import Dataset, joined
    from camera_relocalization_ros.data.provenance import check_frames
    from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
    from camera_relocalization_ros.mapping.builder import MapSettings, build_landmarks, compressed, survey
    from camera_relocalization_ros.mapping.cross_validation import folds, tried, without
    from camera_relocalization_ros.mapping.map_report import map_report
    from camera_relocalization_ros.uncertainty.landmark_error_fit import with_measured_deviation
    from camera_relocalization_ros.vision.local_features import FeatureSettings

    dataset = joined([Dataset.load(spec) for spec in arguments.datasets])
    # what does not fit is said before minutes are spent
    bundle = load_bundle(arguments.bundle, with_map=False)
    check_extensible(bundle)
    check_frames(bundle, dataset)
    features = FeatureSettings(arguments.width, arguments.features)
    query = replace(features, width=arguments.query_width, limit=arguments.query_features)
    settings = MapSettings(features, correct_camera=not arguments.keep_camera)
    raw = survey(dataset, features)
    landmarks, correction = build_landmarks(raw, settings)
    view = raw.corrected(correction)
    landmark_map = compressed(landmarks, view, correction, query)
    left_out = folds(view.placement)
    remaining = (without(landmarks, view, images, settings.tolerance_px) for images in left_out)
    refiners = (PoseRefiner(compressed(some, view, correction, query), dataset.camera) for some in remaining)
    frames = [[dataset.frames[i] for i in tried(images)] for images in left_out]
    trials = tracked(zip(refiners, frames), "errors", "part", len(frames))
    landmark_map, errors = with_measured_deviation(landmark_map, trials)
    size = replace_map(bundle, landmark_map)
    print(map_report(landmarks, view, errors, sum(len(part) for part in frames)))
    print(f"{arguments.bundle}: a map of {size / 1e6:.1f} MB, of {dataset.frame_count} images")
    return 0

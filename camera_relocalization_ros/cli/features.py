# SPDX-License-Identifier: BSD-3-Clause
"""reloc features: what looks alike to a bundle, as a map of all images and as the nearest training images of some."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.early_checks import check_bundle, check_data

NAME = "features"
HELP = "Map a data set's features beside those of the training images (t-SNE), and show the worst frames."
EXAMPLE = "reloc features out/bundle out/unseen --train out/flights@blocks.train -o out/features"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder")
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART")
    parser.add_argument(
        "--train", nargs="+", default=[], metavar="DATASET", help="data the bundle was trained on, to show its images"
    )
    parser.add_argument(
        "--frames",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="frames to show with their nearest training images, counted from 0",
    )
    parser.add_argument("--worst", type=int, default=4, metavar="N", help="show the N worst frames too (default: 4)")
    parser.add_argument(
        "--nearest", type=int, default=4, metavar="K", help="training images shown for each frame (default: 4)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the map (default: 0)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for features.json, .csv and pictures")


def check(arguments: argparse.Namespace) -> None:
    check_bundle(arguments.bundle)
    check_data(arguments.dataset, *arguments.train)


def run(arguments: argparse.Namespace) -> int:
    import numpy as np

    from camera_relocalization_ros.core.output_files import write_json
    from camera_relocalization_ros.core.pose_errors import length_text
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.evaluation.evaluate import evaluate
    from camera_relocalization_ros.evaluation.feature_space import Neighbours, training_frames
    from camera_relocalization_ros.localization.relocalizer import Relocalizer
    from camera_relocalization_ros.report.figures.canvas import save_figure
    from camera_relocalization_ros.report.figures.feature_map import FeatureMap, draw_feature_map
    from camera_relocalization_ros.report.figures.neighbour_figures import draw_neighbours
    from camera_relocalization_ros.report.pages.thumbnails import worst_rows

    dataset = Dataset.load(arguments.dataset)
    _refuse_strange_numbers(arguments, dataset.frame_count)
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    bundle, index = relocalizer.bundle, relocalizer.bundle.index
    training = training_frames(index, [Dataset.load(spec) for spec in arguments.train])
    evaluation = evaluate(relocalizer, dataset)
    descriptors = np.array([estimate.descriptor for estimate in evaluation.estimates])
    neighbours = Neighbours.from_descriptors(index, descriptors, dataset.poses, arguments.nearest)

    about = {"bundle": str(arguments.bundle), "bundle_id": bundle.bundle_id, "data": arguments.dataset}
    numbers = {**neighbours.summary(), "training_images": len(index.positions), "training_images_found": len(training)}
    write_json(arguments.output / "features.json", {**about, **numbers})
    is_metric = dataset.is_metric
    title = f"{arguments.bundle.name} on {arguments.dataset}"
    print(f"{title}: {numbers['images']} images; medians:")
    away, degrees = length_text(numbers["nearest"]["metres"], is_metric), numbers["nearest"]["degrees"]
    print(f"the training image most alike is {away}, {degrees:.2f} deg away")
    print(f"the training image nearest in truth is {length_text(numbers['oracle_metres'], is_metric)} away")
    print(f"{len(training)} of {len(index.positions)} training images found in --train")

    found = FeatureMap.of(index, training, descriptors, dataset, arguments.seed)
    save_figure(draw_feature_map(found, title, is_metric), arguments.output / "feature_map.png")
    found.write_csv(arguments.output / "feature_map.csv")
    rows = list(dict.fromkeys([*arguments.frames, *worst_rows(evaluation.errors, arguments.worst)]))
    if rows:
        errors = evaluation.errors
        off = [length_text(errors.position_m[row], is_metric) for row in rows]
        queries = {row: f"error {length}, {errors.orientation_deg[row]:.1f} deg" for row, length in zip(rows, off)}
        about_it = f"{title}: training images most alike"
        figure = draw_neighbours(queries, dataset.frames, neighbours, training, about_it, is_metric)
        save_figure(figure, arguments.output / "nearest.png")
    print(f"{arguments.output}: features.json, feature_map.csv, feature_map.png{', nearest.png' if rows else ''}")
    return 0


def _refuse_strange_numbers(arguments: argparse.Namespace, count: int) -> None:
    from camera_relocalization_ros.core.errors import ConfigError

    for number in arguments.frames:
        if not 0 <= number < count:
            raise ConfigError(f"--frames {number}; {arguments.dataset} has frames 0 to {count - 1}")
    if arguments.nearest < 1 or arguments.worst < 0:
        raise ConfigError(f"--nearest {arguments.nearest} --worst {arguments.worst}; expected at least 1 and 0")
